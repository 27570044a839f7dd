// torchelastic(1): what stands in the table, between what does not.
#include "options/manual.h"

#include <fmt/format.h>

#include "base/text.h"
#include "options/command_line.h"
#include "options/help.h"
#include "options/table.h"

namespace torchelastic::options {

namespace {

constexpr std::string_view kBefore = R"(.Dt TORCHELASTIC 1
.Os
.Sh NAME
.Nm torchelastic
.Nd start and supervise the workers of distributed PyTorch jobs
.Sh SYNOPSIS
.Nm
.Cm run
.Op Ar option ...
.Ar training_script
.Op Ar argument ...
.Nm
.Cm launch
.Op Ar option ...
.Ar training_script
.Op Ar argument ...
.Nm
.Fl \-help | \-version | \-print\-completion Cm bash | zsh | tcsh
.Sh DESCRIPTION
.Nm
.Cm run
starts the workers of a distributed PyTorch job on this node, forms one group with the other nodes,
and starts again when a worker or a node fails.
It takes the place of torchrun: called by a link of that name, it does the same.
.Pp
.Nm
.Cm launch
does it for scripts that were written for torch.distributed.launch: each worker gets
.Fl \-local\-rank Ns = Ns Ar N
in front of its arguments, unless there is
.Fl \-use\-env .
.Pp
.Ar training_script
is a Python script, a module with
.Fl m ,
or a program with
.Fl \-no\-python .
What follows it is passed to it as it is, but for
.Li ${local_rank} ,
which is replaced by the local rank of the worker.
.Pp
An option may be written with \- or _ inside its name, and shortened as long as it stays
unambiguous.
)";

constexpr std::string_view kAfter = R"(.Sh ENVIRONMENT
.Bl -tag -width Ds
.It Ev PET_NNODES , PET_NPROC_PER_NODE , PET_STANDALONE , No ...
Each option that is not given takes its value from the variable
.Ev PET_
and its name, before the default counts.
A flag's is true (1) or false (0).
.Fl \-logs\-specs ,
.Fl \-print\-completion ,
.Fl \-use\-env ,
.Fl \-help
and
.Fl \-version
have none.
.It Ev PYTHON_EXEC
The interpreter of the workers; the first python3 on
.Ev PATH
if not set.
.It Ev TORCH_ELASTIC_SHUTDOWN_TIMEOUT
Counts where
.Fl \-shutdown\-timeout
is not given.
.It Ev TORCHELASTIC_LOG_LINE_PREFIX_TEMPLATE
Counts where
.Fl \-log\-line\-prefix\-template
is not given.
.It Ev USE_LIBUV , Ev TORCH_DISABLE_SHARE_RDZV_TCP_STORE
If the former is 0, or the latter 1,
.Fl \-worker\-store Ns = Ns Cm auto
is
.Cm rank0 .
.El
.Sh EXIT STATUS
.Bl -tag -width Ds
.It 0
Every worker of the job ended well.
.It Ar N
The worker that failed first exited with it.
.It 128 + Ar N
Signal
.Ar N
killed that worker, or told
.Nm
to end.
.It 127
A worker could not be started, as there is no such program or script.
.It 1
The nodes of the job did not meet, or too few are left.
.It 2
The command line or a
.Ev PET_
variable cannot be meant so.
.El
.Sh EXAMPLES
Two workers on this node, which may fail once:
.Pp
.Dl torchelastic run \-\-standalone \-\-nproc\-per\-node=2 \-\-max\-restarts=1 train.py
.Pp
A worker for each accelerator of four nodes of a Slurm cluster, where the plugin is installed:
.Pp
.Dl srun \-N4 \-\-torchelastic \-\-nproc\-per\-node=gpu train.py
.Pp
Completion in this bash:
.Pp
.Dl eval \(dq$(torchelastic \-\-print\-completion bash)\(dq
.Sh SEE ALSO
.Xr srun 1
)";

void replace(std::string& text, std::string_view what, std::string_view with) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
        text.replace(at, what.size(), with);
        at += with.size();
    }
}

/// As roff prints it letter by letter; each sentence on a line of its own.
std::string escaped(std::string text) {
    replace(text, "\\", "\\e");
    replace(text, "-", "\\-");
    replace(text, "'", "\\(aq");
    replace(text, ". ", ".\n");
    return text;
}

std::string entry(const Option& option) {
    std::string head;
    for (const std::string& spelling : all_spellings(option)) {
        if (spelling.find('_') != std::string::npos) continue;
        head += (head.empty() ? "Fl " : " , Fl ") + escaped(spelling.substr(1));
    }
    if (option.metavar) {
        head += " Ns = Ns Ar " + escaped(option.metavar);
    }
    std::string text = escaped(option.help) + ".\n";
    if (option.initial) text += fmt::format("The default is\n.Li {} .\n", escaped(option.initial));
    return fmt::format(".It {}\n{}", head, text);
}

}  // namespace

std::string manual(std::string_view date) {
    std::string out = fmt::format(".Dd {}\n{}.Sh OPTIONS\n", date, kBefore);
    for (std::size_t i = 0; i < kOptionCount; ++i) {
        const Group group = kOptions[i].group;
        if (i == 0 || group != kOptions[i - 1].group) {
            if (i != 0) out += ".El\n";
            std::string title(heading(group));
            title[0] = static_cast<char>(title[0] - 'a' + 'A');
            out += fmt::format(".Ss {}\n.Bl -tag -width Ds\n", title);
            if (group == kUseEnv.group) out += entry(kUseEnv);
        }
        out += entry(kOptions[i]);
    }
    return out + ".El\n" + std::string(kAfter);
}

}  // namespace torchelastic::options
