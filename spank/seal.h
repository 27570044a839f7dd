// A step's program on its way from srun to the nodes. A node where the plugin is not loaded would
// start it as it is, and every node a copy; so srun's side makes it a path that no node has, and
// the node's plugin takes that back. Needs nothing on a node that lacks it. Pure.
#pragma once

#include <string>

namespace torchelastic::door {

/// `program`, sealed: a path whose text, as the error of execve tells it, is what the user must
/// know. A sealed program stays as it is.
std::string seal(const std::string& program);

/// Takes the seal off, in place: the memory is Slurm's, which frees it. Leaves what is not sealed.
void unseal(char* program);

}  // namespace torchelastic::door
