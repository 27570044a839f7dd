// What Loop hides from everyone but this folder's sources.
#pragma once

#include <asio/io_context.hpp>

#include "net/loop.h"

namespace torchelastic::net {

struct Loop::State {
    asio::io_context context{1};
};

}  // namespace torchelastic::net
