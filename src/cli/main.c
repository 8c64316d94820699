#include "cli/command.h"

int main(int argc, char **argv)
{
    return weir_cli_main(weir_commands, argc, argv);
}
