#include "demo/device.h"

#include "demo/people.h"
#include "demo/rng.h"
#include "demo/when.h"

struct phone {
    const char *maker, *model, *name;
    uint16_t width, height;
    uint8_t density;
    uint8_t weight;
};
static const struct phone iphones[] = {
    {"Apple", "iPhone14,7", "iPhone 14", 390, 844, 3, 18},
    {"Apple", "iPhone15,3", "iPhone 14 Pro Max", 430, 932, 3, 10},
    {"Apple", "iPhone15,4", "iPhone 15", 393, 852, 3, 24},
    {"Apple", "iPhone16,1", "iPhone 15 Pro", 393, 852, 3, 18},
    {"Apple", "iPhone17,3", "iPhone 16", 393, 852, 3, 20},
    {"Apple", "iPad13,16", "iPad Air", 820, 1180, 2, 10},
};
static const struct phone androids[] = {
    {"samsung", "SM-S921B", "Galaxy S24", 1080, 2340, 3, 22},
    {"samsung", "SM-A546B", "Galaxy A54", 1080, 2340, 3, 26},
    {"Google", "Pixel 8", "shiba", 1080, 2400, 3, 16},
    {"Google", "Pixel 7a", "lynx", 1080, 2400, 3, 10},
    {"Xiaomi", "23021RAA2Y", "Redmi Note 12", 1080, 2400, 3, 16},
    {"OnePlus", "CPH2449", "OnePlus 11", 1440, 3216, 4, 10},
};

static const struct phone *pick_phone(const struct phone *phones, size_t n, uint64_t key)
{
    uint16_t weights[8];
    for (size_t i = 0; i < n; i++) {
        weights[i] = phones[i].weight;
    }
    return &phones[weir_demo_pick_by(weir_demo_mix(key ^ 0x21), weights, n)];
}

/* Browsers put out a version every four weeks: Chrome 120 came in December 2023. */
static int chrome_version(int64_t at)
{
    return 120 + (int)((at / DEMO_DAY - 19697) / 28);
}

static int ios_version(int64_t at)
{
    struct demo_date date = weir_demo_date_of(at / DEMO_DAY);
    int year = date.year - (date.month < 10);
    return year >= 2025 ? 26 + (year - 2025) : 18 - (2024 - year);
}

static void put_versioned(struct demo_line *line, const char *pattern, int version)
{
    for (const char *mark; (mark = strchr(pattern, '#')); pattern = mark + 1) {
        weir_demo_put(line, pattern, (size_t)(mark - pattern));
        weir_demo_put_int(line, version);
    }
    weir_demo_putz(line, pattern);
}

struct browser {
    const char *agent; /* # stands for the version */
    const char *brand; /* of userAgentData; NULL: the browser has none */
    const char *platform;
    uint16_t weight;
};
static const struct browser desktops[] = {
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/#.0.0.0 Safari/537.36",
     "Google Chrome", "Windows", 42},
    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/#.0.0.0 Safari/537.36",
     "Google Chrome", "macOS", 20},
    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "Version/#.1 Safari/605.1.15",
     NULL, "safari", 16},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/#.0.0.0 Safari/537.36 Edg/#.0.0.0",
     "Microsoft Edge", "Windows", 14},
    {"Mozilla/5.0 (X11; Linux x86_64; rv:#.0) Gecko/20100101 Firefox/#.0", NULL, "firefox", 8},
};
static const struct browser mobiles[] = {
    {"Mozilla/5.0 (iPhone; CPU iPhone OS #_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
     "Gecko) Version/#.1 Mobile/15E148 Safari/604.1",
     NULL, "safari", 54},
    {"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/#.0.0.0 "
     "Mobile Safari/537.36",
     "Google Chrome", "Android", 46},
};

static void put_browser(struct demo_line *line, enum demo_device device, uint64_t key, int64_t at)
{
    bool mobile = device == DEMO_MOBILE_WEB;
    const struct browser *list = mobile ? mobiles : desktops;
    size_t n = mobile ? sizeof mobiles / sizeof *mobiles : sizeof desktops / sizeof *desktops;
    uint16_t weights[8];
    for (size_t i = 0; i < n; i++) {
        weights[i] = list[i].weight;
    }
    const struct browser *browser = &list[weir_demo_pick_by(weir_demo_mix(key ^ 0x22), weights, n)];
    bool safari = strcmp(browser->platform, "safari") == 0;
    int version = safari ? ios_version(at) : chrome_version(at);
    DEMO_PUT(line, ",\"userAgent\":\"");
    put_versioned(line, browser->agent, version);
    DEMO_PUT(line, "\"");
    if (browser->brand) {
        DEMO_PUT(line, ",\"userAgentData\":{\"brands\":[{\"brand\":\"Chromium\",\"version\":\"");
        weir_demo_put_int(line, version);
        DEMO_PUT(line, "\"},{\"brand\":\"");
        weir_demo_putz(line, browser->brand);
        DEMO_PUT(line, "\",\"version\":\"");
        weir_demo_put_int(line, version);
        DEMO_PUT(line, "\"}],\"mobile\":");
        weir_demo_putz(line, mobile ? "true" : "false");
        DEMO_PUT(line, ",\"platform\":\"");
        weir_demo_putz(line, browser->platform);
        DEMO_PUT(line, "\"}");
    }
}

static void put_app(struct demo_line *line, struct demo_release release)
{
    DEMO_PUT(line,
             "\"app\":{\"name\":\"Podium\",\"namespace\":\"com.example.podium\",\"version\":\"4.");
    weir_demo_put_int(line, release.minor);
    DEMO_PUT(line, ".");
    weir_demo_put_int(line, release.patch);
    DEMO_PUT(line, "\",\"build\":\"");
    weir_demo_put_int(line, 4000 + release.minor * 10 + release.patch);
    DEMO_PUT(line, "\"},");
}

static void put_phone(struct demo_line *line, enum demo_device device, uint64_t key, int64_t at)
{
    bool apple = device == DEMO_IPHONE;
    const struct phone *phone = apple
                                    ? pick_phone(iphones, sizeof iphones / sizeof *iphones, key)
                                    : pick_phone(androids, sizeof androids / sizeof *androids, key);
    DEMO_PUT(line, "\"device\":{\"id\":\"");
    weir_demo_put_uuid(line, weir_demo_mix(key ^ 0x23), weir_demo_mix(key ^ 0x24), apple);
    DEMO_PUT(line, "\",\"manufacturer\":\"");
    weir_demo_putz(line, phone->maker);
    DEMO_PUT(line, "\",\"model\":\"");
    weir_demo_putz(line, phone->model);
    DEMO_PUT(line, "\",\"name\":\"");
    weir_demo_putz(line, phone->name);
    DEMO_PUT(line, "\",\"type\":\"");
    weir_demo_putz(line, apple ? "ios" : "android");
    DEMO_PUT(line, "\"},\"os\":{\"name\":\"");
    weir_demo_putz(line, apple ? "iOS" : "Android");
    DEMO_PUT(line, "\",\"version\":\"");
    if (apple) {
        weir_demo_put_int(line, ios_version(at));
        weir_demo_putz(line, weir_demo_mix(key ^ 0x25) & 1 ? ".1" : ".0.1");
    } else {
        weir_demo_put_int(line, 13 + (int)(weir_demo_mix(key ^ 0x25) % 4));
    }
    DEMO_PUT(line, "\"},\"screen\":{\"width\":");
    weir_demo_put_int(line, phone->width);
    DEMO_PUT(line, ",\"height\":");
    weir_demo_put_int(line, phone->height);
    DEMO_PUT(line, ",\"density\":");
    weir_demo_put_int(line, phone->density);
    DEMO_PUT(line, "},\"network\":{\"wifi\":");
    bool wifi = weir_demo_mix(key ^ (uint64_t)(at / DEMO_HOUR)) % 100 < 71;
    weir_demo_putz(line, wifi ? "true,\"cellular\":false" : "false,\"cellular\":true");
    weir_demo_putz(line, apple ? "}" : ",\"bluetooth\":false}");
    if (!apple) {
        DEMO_PUT(line, ",\"userAgent\":\"Dalvik/2.1.0 (Linux; U; Android 14; ");
        weir_demo_putz(line, phone->model);
        DEMO_PUT(line, ")\"");
    }
}

void weir_demo_put_context(struct demo_line *line, enum demo_device device, uint64_t key,
                           unsigned country, int64_t at, struct demo_release release)
{
    bool web = weir_demo_device_source(device) == WEIR_DEMO_WEB;
    if (!web) {
        put_app(line, release);
        put_phone(line, device, key, at);
        DEMO_PUT(line, ",");
    }
    DEMO_PUT(line, "\"library\":{\"name\":\"");
    weir_demo_putz(line, web                     ? "analytics.js\",\"version\":\"npm:next-1.84.3"
                         : device == DEMO_IPHONE ? "analytics-swift\",\"version\":\"1.9.1"
                                                 : "analytics-kotlin\",\"version\":\"1.22.0");
    DEMO_PUT(line, "\"},\"locale\":\"");
    weir_demo_putz(line, weir_demo_countries[country].locale);
    DEMO_PUT(line, "\",\"timezone\":\"");
    weir_demo_putz(line, weir_demo_countries[country].zone);
    DEMO_PUT(line, "\"");
    if (web) {
        put_browser(line, device, key, at);
    }
}
