/* The options of pyxis that contrib/slurm/container.sbatch gives, and nothing behind them: the step
 * stays where it is. What containers are to the agent, container.py tests. */
#include <slurm/spank.h>
#include <stddef.h>

SPANK_PLUGIN(pyxis_options, 1)

int slurm_spank_init(spank_t spank, int count, char** arguments) {
    (void)count, (void)arguments;
    static char* const names[] = {"container-image", "container-mounts", "container-workdir"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; ++i) {
        struct spank_option option = {names[i], "X", "An option of pyxis", 1, 0, NULL};
        if (spank_option_register(spank, &option) != ESPANK_SUCCESS) return -1;
    }
    return 0;
}
