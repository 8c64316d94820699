#include "serve/server.h"

#define AT(member) offsetof(struct weir_serve_settings, member)

const struct weir_option weir_serve_options[] = {
    {"listen", WEIR_OPT_TEXT, AT(listen), .fallback = "127.0.0.1:8081", .env = "WEIR_SERVE",
     .help =
         "Address of the API and the pages; 0.0.0.0:8081 opens them to the network, where every "
         "request needs the token in .weir/secrets/api_token."},
    {"hosts", WEIR_OPT_LIST, AT(hosts), .fallback = "",
     .help = "Names under which browsers may reach this server (weir.example.com); loopback names "
             "and IP addresses always may."},
    {"require_token", WEIR_OPT_BOOL, AT(require_token), .fallback = "false",
     .help = "Ask clients on this machine for the token, too; set it behind a reverse proxy, which "
             "makes every client look local."},
    {0}};
