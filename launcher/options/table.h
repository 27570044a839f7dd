// The one table of options. From it come the argv parser, --help, the completion of shells, the
// manual page, the PET_ defaults and the options that srun, sbatch and salloc learn. Plain constant
// data.
#pragma once

#include <cstddef>

namespace torchelastic::options {

enum class Kind {
    flag,     ///< takes no value
    text,     ///< any value
    file,     ///< a text that is the name of a file or folder
    integer,  ///< Python's int()
    number,   ///< Python's float()
    choice,   ///< one of `choices`
    list,     ///< one or more of `choices`, with commas between
};

/// The headings of --help, in their order.
enum class Group { job, workers, restarts, rendezvous, output, other };

struct Option {
    const char* name;  ///< "nproc-per-node"; the spelling with '_' is accepted as well
    char letter;       ///< 'r' for -r, or 0
    Kind kind;
    Group group;
    const char* metavar;  ///< what stands for the value in --help; null for a flag
    const char* initial;  ///< the default, as the user would write it; null where there is none
    const char* choices;  ///< "a,b,c": for Kind::choice and list all there is, else what shells
                          ///< offer; or null
    bool pet;             ///< PET_<NAME> gives a default, as in torchrun
    bool srun;            ///< srun, sbatch and salloc learn it under --torchelastic
    const char* help;     ///< a sentence without its full stop
};

extern const Option kOptions[];
extern const std::size_t kOptionCount;

/// What `torchelastic launch` knows beside the table's.
extern const Option kUseEnv;

}  // namespace torchelastic::options
