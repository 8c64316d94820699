/* The twenty sports, each with its season, its audience and its people. */
#ifndef WEIR_DEMO_SPORTS_H
#define WEIR_DEMO_SPORTS_H

#include <stdint.h>

#define DEMO_SPORTS  20
#define DEMO_GROWING 11 /* climbing: three times as large in a year */
#define DEMO_GIANT   5  /* rugby holds the giant event */
#define DEMO_OUTAGE  0  /* and wrestling the one that went wrong */
#define DEMO_MIXES   4

enum demo_mix_name { DEMO_AMERICA, DEMO_EUROPE, DEMO_COMMONWEALTH, DEMO_WORLD };

struct demo_sport {
    const char *name;
    const char *slug;
    uint16_t size;         /* of the audience, relative */
    uint8_t season[12];    /* January first; percent of the best month */
    uint8_t age;           /* of its viewers, on average */
    uint8_t mix;           /* where they live: enum demo_mix_name */
    uint8_t prime;         /* local hour at which its events start, usually */
    uint16_t minutes;      /* usual length of an event */
    const char *finals[3]; /* what its events are called behind the colon */
};

extern const struct demo_sport weir_demo_sports[DEMO_SPORTS];

#endif
