// Replays what real torch clients said to torch's own server, byte by byte, and expects the same
// answers. How the traces came to be: tests/conformance/record_trace.py.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "store/sessions.h"

namespace torchelastic::store {
namespace {

std::string from_hex(std::istream& words) {
    std::string bytes;
    std::string word;
    while (words >> word) {
        unsigned value = 256;
        const auto parsed = std::from_chars(word.data(), word.data() + word.size(), value, 16);
        EXPECT_TRUE(parsed.ptr == word.data() + word.size() && value < 256) << word;
        bytes.push_back(static_cast<char>(value));
    }
    return bytes;
}

class Replay {
public:
    void play(const std::string& line) {
        if (line.empty() || line[0] == '#') return;
        std::istringstream words(line);
        ClientId client = 0;
        std::string direction;
        words >> client >> direction;
        const std::string bytes = from_hex(words);
        ASSERT_FALSE(bytes.empty()) << line;
        if (direction == "C>") {
            say(client, bytes);
        } else if (direction == "S>") {
            expect(client, bytes);
        } else {
            // torch's defect, which ours must not have: nothing is left over in silent()
            ASSERT_EQ(direction, "S!") << line;
        }
    }

    /// Whether everything that was answered was expected.
    void silent() const {
        for (const auto& [client, bytes] : answers_) {
            EXPECT_EQ(bytes.size(), 0U) << "more answers than torch gave, to connection " << client;
        }
    }

private:
    void say(ClientId client, const std::string& bytes) {
        for (const char byte : bytes) {
            const Step step = sessions_.receive(client, std::string_view(&byte, 1), Instant());
            for (const Send& send : step.sends) {
                answers_[send.client] += send.bytes;
            }
            for (const Drop& drop : step.drops) {
                ADD_FAILURE() << "dropped connection " << drop.client << ": " << drop.why;
            }
        }
    }

    void expect(ClientId client, const std::string& bytes) {
        std::string& answers = answers_[client];
        EXPECT_EQ(answers.substr(0, bytes.size()), bytes);
        answers.erase(0, bytes.size());
    }

    Sessions sessions_;
    std::map<ClientId, std::string> answers_;
};

TEST(Golden, answers_as_torch_does) {
    int traces = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(TRACES)) {
        if (entry.path().extension() != ".trace") continue;
        ++traces;
        std::ifstream file(entry.path());
        Replay replay;
        std::string line;
        for (int number = 1; std::getline(file, line); ++number) {
            SCOPED_TRACE(entry.path().filename().string() + ":" + std::to_string(number));
            replay.play(line);
        }
        SCOPED_TRACE(entry.path().filename().string());
        replay.silent();
    }
    EXPECT_GE(traces, 14);
}

}  // namespace
}  // namespace torchelastic::store
