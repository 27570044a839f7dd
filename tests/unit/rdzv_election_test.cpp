// Elections by an etcd that the test plays, answering as 3.4 and 3.5 do.
#include <map>
#include <optional>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "rdzv/courier.h"
#include "rdzv/election.h"

namespace torchelastic::rdzv {
namespace {

using nlohmann::json;

BusinessCard card_of(const std::string& node) {
    return {.node = node, .addresses = {"10.0.0.1"}, .port = 7, .token = "ab", .run = "cd"};
}

/// As much of etcd as elections need; the clock is the test's.
class Etcd {
public:
    std::string answer(const Call& call) {
        const json body = json::parse(call.body);
        if (call.path == "/v3/lease/grant") {
            life[++last] = body["TTL"];
            return json{{"ID", std::to_string(last)}, {"TTL", body["TTL"]}}.dump();
        }
        if (call.path == "/v3/lease/keepalive") {
            json result = {{"ID", body["ID"]}};
            if (life.contains(number(body["ID"]))) result["TTL"] = "5";
            return json{{"result", result}}.dump();
        }
        if (call.path == "/v3/lease/revoke") {
            expire(number(body["ID"]));
            return R"({"header":{}})";
        }
        EXPECT_EQ(call.path, "/v3/kv/txn");
        bool fits = true;
        for (const json& each : body.value("compare", json::array()))
            fits = fits && compares(each);
        json responses = json::array();
        for (const json& each : body.value(fits ? "success" : "failure", json::array()))
            responses.push_back(perform(each));
        json answer = {{"header", {{"revision", "4"}}}, {"responses", responses}};
        if (fits) answer["succeeded"] = true;
        return answer.dump();
    }

    void expire(int lease) {
        life.erase(lease);
        std::erase_if(keys, [&](const auto& each) { return each.second.lease == lease; });
    }

    struct Value {
        std::string text;
        int lease = 0;
    };
    std::map<std::string, Value> keys;
    std::map<int, std::string> life;
    int last = 0;

private:
    static int number(const json& text) { return std::stoi(text.get<std::string>()); }

    bool compares(const json& each) const {
        const auto found = keys.find(each["key"]);
        if (each["target"] == "VALUE") {
            return found != keys.end() && found->second.text == each["value"].get<std::string>();
        }
        EXPECT_EQ(each["create_revision"], "0");
        return found == keys.end();
    }

    json perform(const json& each) {
        if (each.contains("request_put")) {
            const json& put = each["request_put"];
            EXPECT_TRUE(life.contains(number(put["lease"])));
            keys[put["key"]] = {put["value"], number(put["lease"])};
            return {{"response_put", json::object()}};
        }
        if (each.contains("request_delete_range")) {
            keys.erase(each["request_delete_range"]["key"].get<std::string>());
            return {{"response_delete_range", json::object()}};
        }
        const auto found = keys.find(each["request_range"]["key"]);
        if (found == keys.end()) return {{"response_range", json::object()}};
        return {{"response_range",
                 {{"kvs", json::array({{{"key", found->first}, {"value", found->second.text}}})}}}};
    }
};

/// One agent's election, led to its end.
struct Agent {
    explicit Agent(const std::string& node, const std::string& run = "job")
        : election("/torchelastic", run, card_of(node)) {}

    Ballot lead(Etcd& etcd, Call call) {
        for (;;) {
            auto ballot = election.hear(etcd.answer(call));
            EXPECT_TRUE(ballot) << ballot.error().text();
            const auto* next = std::get_if<Call>(&*ballot);
            if (next == nullptr) return *std::move(ballot);
            call = *next;
        }
    }
    Ballot look(Etcd& etcd) { return lead(etcd, election.look()); }

    Election election;
};

template <class Kind>
bool is(const Ballot& ballot) {
    return std::holds_alternative<Kind>(ballot);
}

TEST(Election, elects_the_first_and_lets_the_others_follow) {
    Etcd etcd;
    Agent first("a");
    Agent second("b");
    EXPECT_TRUE(is<Elected>(first.look(etcd)));
    const Ballot ballot = second.look(etcd);
    ASSERT_TRUE(is<Follow>(ballot));
    EXPECT_EQ(std::get<Follow>(ballot).card, card_of("a"));
    EXPECT_EQ(etcd.life.size(), 1U) << "who follows needs no lease";
    EXPECT_TRUE(is<Kept>(first.lead(etcd, first.election.keep_alive())));
}

TEST(Election, elects_one_of_those_who_saw_no_coordinator) {
    Etcd etcd;
    Agent first("a");
    Agent second("b");
    const auto grant = second.election.hear(etcd.answer(second.election.look()));
    EXPECT_TRUE(is<Elected>(first.look(etcd)));
    EXPECT_TRUE(is<Follow>(second.lead(etcd, std::get<Call>(*grant))));
}

TEST(Election, keeps_runs_apart) {
    Etcd etcd;
    Agent first("a", "one");
    Agent second("b", "two");
    EXPECT_TRUE(is<Elected>(first.look(etcd)));
    EXPECT_TRUE(is<Elected>(second.look(etcd)));
}

TEST(Election, elects_another_when_the_lease_is_gone) {
    Etcd etcd;
    Agent first("a");
    Agent second("b");
    first.look(etcd);
    EXPECT_TRUE(is<Follow>(second.look(etcd)));
    etcd.expire(etcd.last);
    EXPECT_TRUE(is<Elected>(second.look(etcd)));
    EXPECT_TRUE(is<Follow>(first.lead(etcd, first.election.keep_alive())));
}

TEST(Election, is_won_again_by_a_coordinator_that_etcd_forgot) {
    Etcd etcd;
    Agent first("a");
    first.look(etcd);
    etcd.expire(etcd.last);
    EXPECT_TRUE(is<Elected>(first.lead(etcd, first.election.keep_alive())));
    EXPECT_TRUE(is<Kept>(first.lead(etcd, first.election.keep_alive())));
}

TEST(Election, is_won_though_the_answer_to_the_claim_was_lost) {
    Etcd etcd;
    Agent first("a");
    const auto grant = first.election.hear(etcd.answer(first.election.look()));
    const auto claim = first.election.hear(etcd.answer(std::get<Call>(*grant)));
    etcd.answer(std::get<Call>(*claim));
    EXPECT_TRUE(is<Elected>(first.look(etcd)));
    EXPECT_TRUE(is<Kept>(first.lead(etcd, first.election.keep_alive())));
}

TEST(Election, closes_a_run_for_good_or_only_leaves_it) {
    Etcd etcd;
    Agent first("a");
    Agent second("b");
    first.look(etcd);
    EXPECT_TRUE(is<Resigned>(first.lead(etcd, first.election.resign(false))));
    EXPECT_TRUE(etcd.keys.empty());
    EXPECT_TRUE(is<Elected>(second.look(etcd)));
    EXPECT_TRUE(is<Resigned>(second.lead(etcd, second.election.resign(true))));
    EXPECT_TRUE(is<RunClosed>(first.look(etcd)));
    EXPECT_EQ(etcd.life[etcd.last], "7200");
}

TEST(Election, does_not_close_the_run_of_another) {
    Etcd etcd;
    Agent first("a");
    Agent second("b");
    first.look(etcd);
    etcd.expire(etcd.last);
    second.look(etcd);
    EXPECT_TRUE(is<Resigned>(first.lead(etcd, first.election.resign(true))));
    EXPECT_TRUE(is<Elected>(second.look(etcd)));
}

TEST(Election, asks_as_etcd_3_4_wants_to_be_asked) {
    Agent agent("a", "j");
    EXPECT_EQ(agent.election.look(),
              (Call{"/v3/kv/txn",
                    R"({"success":[{"request_range":{"key":"L3RvcmNoZWxhc3RpYy9qL2Nsb3NlZA=="}},)"
                    R"({"request_range":{"key":"L3RvcmNoZWxhc3RpYy9qL2Nvb3JkaW5hdG9y"}}]})"}));
    const auto grant = agent.election.hear(
        R"({"header": {"revision": "1"}, "succeeded": true, "responses":)"
        R"( [{"response_range": {"header": {}}}, {"response_range": {"header": {}}}]})");
    EXPECT_EQ(std::get<Call>(*grant), (Call{"/v3/lease/grant", R"({"TTL":"5"})"}));
}

TEST(Election, watches_both_keys_from_where_it_looked_last) {
    Etcd etcd;
    Agent first("a", "j");
    Agent second("b", "j");
    first.look(etcd);
    EXPECT_TRUE(is<Follow>(second.look(etcd)));
    const Call watch = second.election.watch();
    EXPECT_EQ(watch, (Call{"/v3/watch",
                           R"({"create_request":{"key":"L3RvcmNoZWxhc3RpYy9qLw==",)"
                           R"("range_end":"L3RvcmNoZWxhc3RpYy9qMA==","start_revision":"5"}})",
                           2}));
    const auto ballot = second.election.hear(
        R"({"result":{"header":{"revision":"4"},"created":true}})"
        "\n"
        R"({"result":{"header":{"revision":"5"},"events":[{"type":"DELETE","kv":{"key":"YQ=="}}]}})"
        "\n");
    ASSERT_TRUE(ballot) << ballot.error().text();
    EXPECT_TRUE(is<Call>(*ballot));
    etcd.expire(etcd.last);
    EXPECT_TRUE(is<Elected>(second.lead(etcd, std::get<Call>(*ballot))));
}

TEST(Election, looks_again_later_where_it_sees_no_change) {
    Etcd etcd;
    Agent first("a");
    first.look(etcd);
    const std::string created = R"({"result":{"header":{},"created":true}})";
    for (const std::string& answer :
         {created + "\n", created + "\n" + R"({"result":{"canceled":true,"compact_revision":"9"}})",
          created + "\n" + R"({"result":{"events")",
          std::string(R"({"error":{"grpc_code":7,"message":"etcdserver: permission denied"}})"),
          std::string("<html>"), std::string()}) {
        Agent second("b");
        EXPECT_TRUE(is<Follow>(second.look(etcd)));
        second.election.watch();
        const auto ballot = second.election.hear(answer);
        ASSERT_TRUE(ballot) << ballot.error().text();
        EXPECT_TRUE(is<Unchanged>(*ballot)) << answer;
    }
}

TEST(Election, believes_nothing_else) {
    for (const char* answer : {"", "<html>", "7", "[]", "{\"ID\":", "null"}) {
        Agent agent("a");
        agent.election.look();
        EXPECT_FALSE(agent.election.hear(answer)) << answer;
    }
    Agent agent("a");
    EXPECT_FALSE(agent.election.hear("{}")) << "nothing was asked";
    Etcd etcd;
    agent.look(etcd);
    etcd.keys.begin()->second.text = "aGVsbG8=";
    agent.election.look();
    const auto ballot = agent.election.hear(etcd.answer(agent.election.look()));
    ASSERT_FALSE(ballot);
    EXPECT_EQ(ballot.error().text(),
              "the coordinator's card in etcd: not a business card of this release: it begins with "
              "'hello'");
}

TEST(Courier, says_what_an_answer_that_is_none_means) {
    EXPECT_EQ(*read_reply(200, "{}"), "{}");
    EXPECT_EQ(read_reply(503, R"({"error":"x","message":"etcdserver: no leader","code":14})")
                  .error()
                  .text(),
              "etcdserver: no leader");
    for (const char* body : {"", "<html>", "{}", "{\"message\":7}"}) {
        EXPECT_EQ(read_reply(404, body).error().text(),
                  "HTTP status 404: this is not the JSON gateway of an etcd 3.4 or newer");
    }
}

}  // namespace
}  // namespace torchelastic::rdzv
