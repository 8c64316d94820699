#include "serve/server.h"

#define AT(member) offsetof(struct weir_serve_settings, member)

const struct weir_option weir_serve_options[] = {
    {"listen", WEIR_OPT_TEXT, AT(listen), .fallback = "127.0.0.1:8081", .env = "WEIR_SERVE",
     .help = "Address of the API and the pages; 0.0.0.0:8081 opens them to the network."},
    {"url", WEIR_OPT_TEXT, AT(url), .fallback = "", .env = "WEIR_URL",
     .help = "Where people find this server, such as https://weir.example.com: used in links, and "
             "with https the session's cookie is never sent in the clear. Empty: the address that "
             "it listens on."},
    {"embed", WEIR_OPT_BOOL, AT(embed), .fallback = "false",
     .help = "Editors may make links by which pages of other sites show a published report or a "
             "tile of it in a frame (docs/guide/embed.md). Turning it off ends all of them."},
    {"embed_origins", WEIR_OPT_LIST, AT(embed_origins), .fallback = "",
     .help = "Sites whose pages may have embedded reports in a frame and talk to them, such as "
             "https://app.example.com; none: such a page is shown by itself only."},
    {"hosts", WEIR_OPT_LIST, AT(hosts), .fallback = "",
     .help = "Names under which browsers may reach this server (weir.example.com); loopback names "
             "and IP addresses always may."},
    {"trusted_proxies", WEIR_OPT_LIST, AT(trusted_proxies), .fallback = "",
     .help =
         "Networks of reverse proxies, such as 10.0.0.0/8 or 127.0.0.1, whose X-Forwarded-For and "
         "X-Forwarded-Proto are believed; a client on such an address is never the owner."},
    {"require_token", WEIR_OPT_BOOL, AT(require_token), .fallback = "false",
     .help =
         "Never trust clients on this machine because of where they are. Without it they own this "
         "weir until there is a first person; set it behind a reverse proxy, which makes every "
         "client look local."},
    {"session_idle", WEIR_OPT_DURATION, AT(session_idle), .fallback = "7d", .min = WEIR_SECOND,
     .max = 3650 * WEIR_DAY, .help = "How long somebody stays logged in without a request."},
    {"session_age", WEIR_OPT_DURATION, AT(session_age), .fallback = "30d", .min = WEIR_SECOND,
     .max = 3650 * WEIR_DAY, .help = "How long somebody stays logged in at most."},
    {"max_connections", WEIR_OPT_INT, AT(max_connections), .fallback = "16384", .min = 16,
     .max = 1000000,
     .help = "Open connections; further ones wait. Three quarters of them may be open pages that "
             "follow changes."},
    {"upload_max", WEIR_OPT_BYTES, AT(upload_max), .fallback = "2GB",
     .help = "How large a file that somebody uploads may be."},
    {"history_max", WEIR_OPT_INT, AT(history_max), .fallback = "10000", .min = 0, .max = 10000000,
     .help = "How many runs of queries are kept of each person, the newest; 0: none are noted."},
    {"usage_days", WEIR_OPT_INT, AT(usage_days), .fallback = "400", .min = 1, .max = 36500,
     .help = "How many days it is known who used what (the page Usage, GET /api/usage)."},
    {"usage_every", WEIR_OPT_DURATION, AT(usage_every), .fallback = "5m", .max = 30 * WEIR_DAY,
     .help =
         "How often weir's own usage is copied into the tables of schema usage, where reports can "
         "read it; 0: never."},
    {0}};

#define OF_WORKSPACE(member) offsetof(struct weir_workspace_settings, member)

const struct weir_option weir_workspace_options[] = {
    {"archive_after", WEIR_OPT_INT, OF_WORKSPACE(archive_after), .fallback = "120", .min = 0,
     .max = 36500,
     .help =
         "Reports that nobody opened or changed for so many days are archived, by a commit that "
         "says so; they can be found, opened and brought back as before. 120 lets a quarterly "
         "report live; 0: never."},
    {"fiscal_year_start", WEIR_OPT_INT, OF_WORKSPACE(fiscal_year_start), .fallback = "1", .min = 1,
     .max = 12,
     .help = "The month (1 to 12) in which the fiscal year begins, for ranges such as `this fiscal "
             "year`; a report may say otherwise."},
    {"snapshots", WEIR_OPT_INT, OF_WORKSPACE(snapshots), .fallback = "200", .min = 0, .max = 100000,
     .help = "How many snapshots one report may have; 0: none are made."},
    {"snapshot_rows", WEIR_OPT_INT, OF_WORKSPACE(snapshot_rows), .fallback = "100000", .min = 1,
     .max = 10000000,
     .help = "Rows that a snapshot keeps of each query; what is cut is marked as truncated."},
    {"snapshot_bytes", WEIR_OPT_BYTES, OF_WORKSPACE(snapshot_bytes), .fallback = "20MB",
     .min = 1024, .max = 60 << 20,
     .help =
         "Bytes of rows that a snapshot keeps of all its queries together, before compression."},
    {"refresh_every", WEIR_OPT_DURATION, OF_WORKSPACE(refresh_every), .fallback = "5s", .min = 0,
     .max = WEIR_DAY,
     .help = "How often a materialized view is computed anew at most, while what it reads changes; "
             "it also rests for four times as long as that took."},
    {0}};
