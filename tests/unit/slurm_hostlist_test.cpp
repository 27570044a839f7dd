// Hostlists: Slurm's grammar, and what must not be taken for it.
#include <random>

#include <gtest/gtest.h>

#include "base/text.h"
#include "slurm/hostlist.h"

namespace torchelastic::slurm {
namespace {

struct Case {
    const char* text;
    const char* hosts;
};

TEST(Hostlist, expands_as_scontrol_show_hostnames_does) {
    const Case kCases[] = {
        {"", ""},
        {"n1", "n1"},
        {"node-a.example.org", "node-a.example.org"},
        {"n1,n2,n1", "n1 n2 n1"},
        {"n[1-3]", "n1 n2 n3"},
        {"n[1,3-4]", "n1 n3 n4"},
        {"n[4,1-2]", "n4 n1 n2"},
        {"n[7]", "n7"},
        {"n[01-03]", "n01 n02 n03"},
        {"n[08-11]", "n08 n09 n10 n11"},
        {"n[8-11]", "n8 n9 n10 n11"},
        {"n[098-101]", "n098 n099 n100 n101"},
        {"n[1-2]-ib", "n1-ib n2-ib"},
        {"[1-2]", "1 2"},
        {"n[1-2][8-9]", "n18 n19 n28 n29"},
        {"r[1-2]n[01-03],x,y[5]-ib[0-1]", "r1n01 r1n02 r1n03 r2n01 r2n02 r2n03 x y5-ib0 y5-ib1"},
    };
    for (const Case& c : kCases) {
        const auto hosts = expand_hostlist(c.text);
        ASSERT_TRUE(hosts) << c.text << ": " << hosts.error().text();
        EXPECT_EQ(join(*hosts, " "), c.hosts) << c.text;
    }
}

TEST(Hostlist, says_what_is_wrong) {
    const Case kCases[] = {
        {",", "a name is empty"},
        {"n1,", "a name is empty"},
        {"n1,,n2", "a name is empty"},
        {" n1", "' n1' is not part of a name"},
        {"n1\nn2", "'n1\\x0an2' is not part of a name"},
        {"n]", "'n]' is not part of a name"},
        {"n[1-2", "a bracket is not closed"},
        {"n[1,2", "a bracket is not closed"},
        {"n[", "a bracket is not closed"},
        {"n[]", "'' is not a number or a range of numbers"},
        {"n[a-b]", "'a-b' is not a number or a range of numbers"},
        {"n[-1]", "'-1' is not a number or a range of numbers"},
        {"n[1-]", "'1-' is not a number or a range of numbers"},
        {"n[1-2-3]", "'1-2-3' is not a number or a range of numbers"},
        {"n[+1]", "'+1' is not a number or a range of numbers"},
        {"n[1,]", "'' is not a number or a range of numbers"},
        {"n[[1-2]]", "'[1-2' is not a number or a range of numbers"},
        {"n[2-1]", "the range '2-1' runs backwards"},
        {"n[9999999999999999999999]", "are too long"},
        {"n[0000000000001-2]", "are too long"},
    };
    for (const Case& c : kCases) {
        const auto hosts = expand_hostlist(c.text);
        ASSERT_FALSE(hosts) << c.text << " gives " << join(*hosts, " ");
        EXPECT_NE(hosts.error().text().find(c.hosts), std::string::npos) << hosts.error().text();
    }
}

TEST(Hostlist, refuses_more_nodes_than_there_are) {
    EXPECT_EQ(expand_hostlist("n[1-65536]")->size(), kMaxHosts);
    EXPECT_EQ(expand_hostlist("n[1-256][1-256]")->size(), kMaxHosts);
    for (const char* text : {"n[0-65536]", "n[1-65536],x", "n[0-999999999999]", "n[1-257][1-256]",
                             "n[1-9][1-9][1-9][1-9][1-9][1-9][1-9][1-9][1-9][1-9][1-9][1-9]",
                             "n[1-65536,1-65536,1-65536]"}) {
        const auto hosts = expand_hostlist(text);
        ASSERT_FALSE(hosts) << text;
        EXPECT_NE(hosts.error().text().find("more than 65536 nodes"), std::string::npos);
    }
    EXPECT_FALSE(expand_hostlist(std::string(256, 'n')));
    EXPECT_FALSE(expand_hostlist(std::string(255, 'n') + "[1-2]"));
}

TEST(Hostlist, survives_any_bytes) {
    constexpr std::string_view kBytes = "[[[]]],,--0199n. \n\xff";
    std::mt19937 random(1);
    for (int round = 0; round < 20000; ++round) {
        std::string text(random() % 24, ' ');
        for (char& c : text)
            c = kBytes[random() % kBytes.size()];
        const auto hosts = expand_hostlist(text);
        if (!hosts) continue;
        EXPECT_LE(hosts->size(), kMaxHosts);
        for (const std::string& host : *hosts) {
            EXPECT_FALSE(host.empty()) << text;
            EXPECT_EQ(host.find_first_of("[], \n"), std::string::npos) << text;
        }
    }
}

}  // namespace
}  // namespace torchelastic::slurm
