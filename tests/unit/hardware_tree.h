// Trees of files that stand for a machine's /sys, /proc and /dev.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <utility>

namespace torchelastic::hardware {

/// A root directory that vanishes with the test.
class Tree {
public:
    Tree() {
        std::string name = (std::filesystem::temp_directory_path() / "hardware-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~Tree() { std::filesystem::remove_all(path_); }
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;

    std::string root() const { return path_.string(); }

    /// `path` begins with a slash.
    void file(const std::string& path, const std::string& text = "") {
        const std::filesystem::path full = path_.string() + path;
        std::filesystem::create_directories(full.parent_path());
        std::ofstream(full) << text;
    }
    void files(const std::string& folder,
               std::initializer_list<std::pair<const char*, const char*>> files) {
        for (const auto& [name, text] : files)
            file(folder + "/" + name, std::string(text) + "\n");
    }

    /// A symbolic link to another path of the tree.
    void link(const std::string& path, const std::string& target) {
        const std::filesystem::path full = path_.string() + path;
        std::filesystem::create_directories(full.parent_path());
        std::filesystem::create_directories(path_.string() + target);
        std::filesystem::create_symlink(path_.string() + target, full);
    }

private:
    std::filesystem::path path_;
};

}  // namespace torchelastic::hardware
