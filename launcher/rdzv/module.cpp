// dlopen, and the module's answers made into one value.
#include "rdzv/module.h"

#include <dlfcn.h>
#include <unistd.h>

#include <climits>
#include <cstring>

#include <fmt/format.h>

#include "base/text.h"
#include "rdzv/exchange.h"

namespace torchelastic::rdzv {

namespace {

constexpr const char* kEntry = "torchelastic_exchange_module";

/// Whoever claims more is broken: the largest machines have a tenth of that.
constexpr std::uint32_t kMostRanks = 1U << 20;

Result<std::string> find(const std::string& file, const std::vector<std::string>& folders) {
    for (const std::string& folder : folders) {
        std::string path = fmt::format("{}/{}", folder, file);
        if (::access(path.c_str(), F_OK) == 0) return path;
    }
    return failure(
        fmt::format("there is no {} in {} (TORCHELASTIC_PLUGIN_PATH names other folders); it is "
                    "built where libpmix's headers are",
                    file, join(folders, ", ")));
}

Result<const ExchangeModule*> load(const std::string& path) {
    const auto dl_failure = [&] {
        const char* words = ::dlerror();
        return failure(Error(printable(words ? words : "unknown error")).because("load " + path));
    };
    void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (library == nullptr) return dl_failure();
    void* symbol = ::dlsym(library, kEntry);
    if (symbol == nullptr) return dl_failure();
    const ExchangeModule* (*entry)() = nullptr;
    static_assert(sizeof entry == sizeof symbol);
    std::memcpy(&entry, &symbol, sizeof entry);
    const ExchangeModule* module = entry();
    if (module->version != kExchangeVersion) {
        return failure(
            fmt::format("{} is of another release (it speaks version {}, this program {}): install "
                        "both from one build",
                        path, module->version, kExchangeVersion));
    }
    return module;
}

/// What a module has answered so far; believes nothing.
struct Answers {
    explicit Answers(const std::function<void(const char*)>& on_step) : doing(on_step) {}

    void join(std::uint32_t rank, std::uint32_t size, const char* name) {
        if (size == 0 || size > kMostRanks || rank >= size) {
            return fail(fmt::format("rank {} of {} makes no sense", rank, size));
        }
        exchanged.rank = rank;
        exchanged.name = name;
        exchanged.cards.resize(size);
        given.resize(size);
    }
    void take(std::uint32_t rank, std::string_view card) {
        if (rank >= exchanged.cards.size()) {
            return fail(fmt::format("a card of rank {}, where only {} take part", rank,
                                    exchanged.cards.size()));
        }
        exchanged.cards[rank] = card;
        given[rank] = true;
    }
    void fail(std::string why) {
        if (trouble.empty()) trouble = std::move(why);
    }
    Result<Exchanged> result() && {
        if (given.empty()) fail("the module has said nothing");
        for (std::size_t rank = 0; rank < given.size(); ++rank) {
            if (!given[rank]) fail(fmt::format("rank {} has left no card", rank));
        }
        if (!trouble.empty()) return failure(printable(trouble));
        return std::move(exchanged);
    }

    const std::function<void(const char*)>& doing;
    Exchanged exchanged;
    std::vector<bool> given;
    std::string trouble;
};

Answers& answers(void* context) {
    return *static_cast<Answers*>(context);
}

}  // namespace

std::vector<std::string> module_folders(const std::string& plugin_path,
                                        const std::string& program) {
    std::vector<std::string> folders;
    for (std::string& folder : split(plugin_path, ':')) {
        if (!folder.empty()) folders.push_back(std::move(folder));
    }
    const auto name = program.rfind('/');
    const auto folder =
        name == std::string::npos || name == 0 ? name : program.rfind('/', name - 1);
    if (folder != std::string::npos) {
        folders.push_back(program.substr(0, folder) + "/lib/torchelastic");
    }
    folders.emplace_back(TORCHELASTIC_MODULE_FOLDER);
    return folders;
}

std::string program_file() {
    char path[PATH_MAX] = "";
    const auto size = ::readlink("/proc/self/exe", path, sizeof path - 1);
    return size < 0 ? "" : std::string(path, static_cast<std::size_t>(size));
}

Result<Exchanged> exchange_by_module(const std::string& file,
                                     const std::vector<std::string>& folders,
                                     const std::string& card,
                                     const std::function<void(const char* step)>& doing) {
    doing("loading the module");
    const auto path = find(file, folders);
    if (!path) return failure(path.error());
    const auto module = load(*path);
    if (!module) return failure(module.error());
    Answers collected(doing);
    const ExchangeAnswer answer = {
        .context = &collected,
        .doing = [](void* context, const char* step) { answers(context).doing(step); },
        .joined = [](void* context, std::uint32_t rank, std::uint32_t size,
                     const char* name) { answers(context).join(rank, size, name); },
        .card =
            [](void* context, std::uint32_t rank, const char* bytes, std::size_t size) {
                answers(context).take(rank, {bytes, size});
            },
        .failed = [](void* context, const char* why) { answers(context).fail(why); },
    };
    (*module)->exchange(card.data(), card.size(), &answer);
    return std::move(collected).result();
}

}  // namespace torchelastic::rdzv
