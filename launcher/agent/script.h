// Whether there is a program for Python to run, before as many Pythons as there are workers say
// that there is none.
#pragma once

#include "agent/environment.h"
#include "base/result.h"
#include "options/parser.h"

namespace torchelastic::agent {

/// "start train.py: no such file or directory". What Python takes as a script is fine: a file, a
/// folder or an archive with a __main__.py, a pipe, "-". Modules are Python's to find; and only
/// what $PYTHON_EXEC names, which may be a container's door, knows which files are there for it.
Result<void> find_script(const options::Options& options, const Environment& environment);

}  // namespace torchelastic::agent
