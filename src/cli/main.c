#include <string.h>

#include "cli/command.h"
#include "io/keeper.h"

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], WEIR_KEEPER) == 0) {
        return weir_keeper(argc, argv);
    }
    return weir_cli_main(weir_commands, argc, argv);
}
