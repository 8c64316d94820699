#include "demo/people.h"

#include "demo/rng.h"

const struct demo_country weir_demo_countries[DEMO_COUNTRIES] = {
    /*                                            America, Europe, Commonwealth, world */
    {"US", "en-US", "America/New_York", -5, {62, 10, 12, 24}},
    {"US", "en-US", "America/Los_Angeles", -8, {18, 3, 4, 8}},
    {"CA", "en-CA", "America/Toronto", -5, {10, 2, 8, 5}},
    {"MX", "es-MX", "America/Mexico_City", -6, {4, 1, 0, 5}},
    {"BR", "pt-BR", "America/Sao_Paulo", -3, {1, 1, 0, 12}},
    {"GB", "en-GB", "Europe/London", 0, {2, 16, 30, 8}},
    {"IE", "en-IE", "Europe/Dublin", 0, {0, 4, 7, 2}},
    {"DE", "de-DE", "Europe/Berlin", 1, {1, 20, 1, 8}},
    {"FR", "fr-FR", "Europe/Paris", 1, {1, 18, 5, 7}},
    {"ES", "es-ES", "Europe/Madrid", 1, {0, 9, 0, 4}},
    {"IT", "it-IT", "Europe/Rome", 1, {0, 9, 2, 4}},
    {"NL", "nl-NL", "Europe/Amsterdam", 1, {0, 7, 1, 2}},
    {"ZA", "en-ZA", "Africa/Johannesburg", 2, {0, 0, 10, 1}},
    {"JP", "ja-JP", "Asia/Tokyo", 9, {1, 0, 1, 7}},
    {"AU", "en-AU", "Australia/Sydney", 10, {0, 0, 13, 2}},
    {"NZ", "en-NZ", "Pacific/Auckland", 12, {0, 0, 6, 1}},
};

unsigned weir_demo_country_of(uint64_t bits, enum demo_mix_name mix)
{
    uint16_t weights[DEMO_COUNTRIES];
    for (unsigned i = 0; i < DEMO_COUNTRIES; i++) {
        weights[i] = weir_demo_countries[i].weight[mix];
    }
    return (unsigned)weir_demo_pick_by(bits, weights, DEMO_COUNTRIES);
}

const struct demo_channel_info weir_demo_channels[DEMO_CHANNELS] = {
    [DEMO_ORGANIC] = {34,
                      100,
                      560000,
                      NULL,
                      NULL,
                      {"https://www.google.com/", "https://www.bing.com/",
                       "https://duckduckgo.com/"}},
    [DEMO_PAID] = {12,
                   95,
                   500000,
                   "google",
                   "cpc",
                   {"https://www.google.com/", "https://www.google.com/", "https://www.bing.com/"}},
    [DEMO_SOCIAL] = {18,
                     60,
                     410000,
                     "instagram",
                     "social",
                     {"https://l.instagram.com/", "https://t.co/", "https://www.youtube.com/"}},
    [DEMO_PARTNER] = {14,
                      145,
                      600000,
                      "partner",
                      "referral",
                      {"https://clubs.example.org/", "https://federation.example.org/",
                       "https://college-sports.example.org/"}},
    [DEMO_EMAIL] = {9, 155, 625000, "newsletter", "email", {"", "https://mail.google.com/", ""}},
    [DEMO_DIRECT] = {13, 85, 545000, NULL, NULL, {"", "", ""}},
};

const char *const weir_demo_campaigns[DEMO_CHANNELS][4] = {
    [DEMO_PAID] = {"brand", "live-tonight", "season-pass", "competitors"},
    [DEMO_SOCIAL] = {"athlete-stories", "highlights", "giveaway", "finals-week"},
    [DEMO_PARTNER] = {"club-page", "federation-calendar", "college-portal", "livescore"},
    [DEMO_EMAIL] = {"weekly-schedule", "welcome-back", "finals-reminder", "your-athletes"},
};

const struct demo_org weir_demo_orgs[DEMO_ORGS] = {
    {"Harbor Wrestling Club", "club", 0, 140},
    {"Northfield College", "college", 0, 2100},
    {"Ridgeline Athletics", "club", 1, 260},
    {"Cascade Track Union", "federation", 1, 5200},
    {"Lakeside Gymnastics", "club", 2, 190},
    {"Prairie State College", "college", 3, 1800},
    {"Riverside Softball", "club", 3, 120},
    {"Spirit United", "club", 4, 340},
    {"Old Mill RFC", "club", 5, 220},
    {"Southern Rugby Union", "federation", 5, 8800},
    {"Checkmat North", "club", 6, 90},
    {"Guard House Academy", "club", 6, 110},
    {"Iron Bay Hockey", "club", 7, 310},
    {"Granite College", "college", 7, 1500},
    {"Coast Volleyball", "club", 8, 170},
    {"Blue Lane Swim Team", "club", 9, 230},
    {"Col Velo Club", "club", 10, 400},
    {"Boulder Hall Berlin", "club", 11, 620},
    {"Climbing Federation Alps", "federation", 11, 3100},
    {"Bay Lacrosse", "club", 12, 150},
    {"Thames Rowers", "club", 13, 180},
    {"Kodokan Friends", "club", 14, 130},
    {"Salle Lumiere", "club", 15, 80},
    {"Point Break Surf Club", "club", 16, 210},
};

static const char *const firsts[64] = {
    "Maya",    "Liam",   "Sofia",  "Noah",   "Aisha",  "Lucas",  "Emma",  "Mateo",
    "Hana",    "Oliver", "Chloe",  "Diego",  "Ingrid", "Jonas",  "Priya", "Ethan",
    "Lena",    "Marco",  "Grace",  "Felix",  "Nadia",  "Thomas", "Yuki",  "Daniel",
    "Alice",   "Bruno",  "Clara",  "Samuel", "Ruth",   "Hugo",   "Zoe",   "Victor",
    "Amara",   "Peter",  "Julia",  "Kenji",  "Elena",  "Jack",   "Farah", "Oscar",
    "Beatriz", "Owen",   "Sara",   "Tiago",  "Megan",  "Anton",  "Leila", "George",
    "Isabel",  "Ruben",  "Naomi",  "Callum", "Greta",  "Andre",  "Fiona", "Rafael",
    "Martha",  "Kofi",   "Louise", "Dylan",  "Teresa", "Simon",  "Kate",  "Nils"};
static const char *const lasts[64] = {
    "Garcia",  "Smith",   "Okafor",   "Tanaka", "Muller",   "Rossi",  "Silva",     "Johnson",
    "Dubois",  "Nguyen",  "Kowalski", "Martin", "Andersen", "Brown",  "Fernandez", "Sato",
    "Wilson",  "Costa",   "Weber",    "Murphy", "Patel",    "Jansen", "Moreau",    "Clark",
    "Ferrari", "Lopez",   "Svensson", "Taylor", "Mbeki",    "Walker", "Schmidt",   "Oliveira",
    "Byrne",   "Lambert", "Hughes",   "Romano", "Vargas",   "Hill",   "Fischer",   "Suzuki",
    "Evans",   "Petit",   "Ramos",    "Bakker", "Young",    "Conti",  "Doyle",     "Hansen",
    "Mendes",  "Wright",  "Bianchi",  "Roux",   "Scott",    "Vogel",  "Kaya",      "Turner",
    "Alves",   "Nowak",   "Baker",    "Leroy",  "Cooper",   "Visser", "Reyes",     "Campbell"};

const char *weir_demo_first_name(uint64_t key)
{
    return firsts[weir_demo_mix(key ^ 0x11) & 63];
}

const char *weir_demo_last_name(uint64_t key)
{
    return lasts[weir_demo_mix(key ^ 0x12) & 63];
}

void weir_demo_put_user_id(struct demo_line *line, uint64_t key)
{
    weir_demo_put_code(line, "usr_", weir_demo_mix(key ^ 0x13));
}

static void put_lower(struct demo_line *line, const char *text)
{
    for (; *text; text++) {
        char c = *text >= 'A' && *text <= 'Z' ? (char)(*text + 32) : *text;
        weir_demo_put(line, &c, 1);
    }
}

void weir_demo_put_email(struct demo_line *line, uint64_t key)
{
    put_lower(line, weir_demo_first_name(key));
    DEMO_PUT(line, ".");
    put_lower(line, weir_demo_last_name(key));
    weir_demo_put_int(line, (int64_t)(weir_demo_mix(key ^ 0x14) % 9973));
    DEMO_PUT(line, "@example.com");
}

int weir_demo_birth_year(uint64_t key, unsigned mean_age, int this_year)
{
    uint64_t bits = weir_demo_mix(key ^ 0x15);
    int spread = (int)((bits & 15) + (bits >> 8 & 15)) - 15;
    int age = (int)mean_age + spread;
    return this_year - (age < 16 ? 16 : age);
}
