/* Who the people are: where they live, what they are called. Everything fixed about a person is
 * made from the one number that they keep, so that a person costs a few bytes. */
#ifndef WEIR_DEMO_PEOPLE_H
#define WEIR_DEMO_PEOPLE_H

#include <stdint.h>

#include "demo/line.h"
#include "demo/sports.h"

#define DEMO_COUNTRIES 16
#define DEMO_ORGS      24

struct demo_country {
    const char *code;
    const char *locale;
    const char *zone;
    int8_t offset; /* hours from UTC, winter */
    uint8_t weight[DEMO_MIXES];
};
extern const struct demo_country weir_demo_countries[DEMO_COUNTRIES];
unsigned weir_demo_country_of(uint64_t bits, enum demo_mix_name mix);

/* How someone came to Podium. */
enum demo_channel {
    DEMO_ORGANIC,
    DEMO_PAID,
    DEMO_SOCIAL,
    DEMO_PARTNER,
    DEMO_EMAIL,
    DEMO_DIRECT,
    DEMO_CHANNELS
};
struct demo_channel_info {
    uint16_t weight;             /* of visitors */
    uint16_t signup_pct;         /* of the usual rate */
    uint32_t convert_ppm;        /* of trials */
    const char *source, *medium; /* utm; NULL: none */
    const char *referrer[3];     /* "" = none */
};
extern const struct demo_channel_info weir_demo_channels[DEMO_CHANNELS];
extern const char *const weir_demo_campaigns[DEMO_CHANNELS][4];

struct demo_org {
    const char *name;
    const char *kind; /* club, college, federation */
    uint8_t sport;
    uint16_t members;
};
extern const struct demo_org weir_demo_orgs[DEMO_ORGS];

/* A stored account. */
enum demo_status { DEMO_FREE, DEMO_TRIAL, DEMO_ACTIVE, DEMO_GONE };
enum weir_demo_plan { DEMO_NO_PLAN, DEMO_MONTHLY, DEMO_YEARLY };
struct demo_person {
    uint64_t key;      /* of everything fixed */
    int64_t bad_until; /* the memory of a bad stream */
    int64_t due;       /* of the next bill */
    uint32_t listed;   /* place in the list of its sport's viewers, or of the free accounts */
    uint16_t cents;    /* price paid */
    uint16_t periods;
    uint8_t country, sport, channel, home; /* home: enum demo_device */
    uint8_t second;                        /* device, or DEMO_DEVICES: none */
    uint8_t second_seen : 1, founder : 1, echo : 1, returned : 1, org : 5;
    uint8_t status, plan;
};

const char *weir_demo_first_name(uint64_t key);
const char *weir_demo_last_name(uint64_t key);
void weir_demo_put_user_id(struct demo_line *line, uint64_t key);
/* first.last42@example.com */
void weir_demo_put_email(struct demo_line *line, uint64_t key);
int weir_demo_birth_year(uint64_t key, unsigned mean_age, int this_year);

#endif
