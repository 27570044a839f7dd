// The manual page, torchelastic(1), made from the table of options. Pure: text out.
#pragma once

#include <string>
#include <string_view>

namespace torchelastic::options {

/// In the mdoc(7) language. `date` is that of the page, as in "November 20, 2026".
std::string manual(std::string_view date);

}  // namespace torchelastic::options
