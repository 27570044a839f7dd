// CBOR by nlohmann-json. Each message lists its fields once; writing and reading both come from
// that list.
#include "wire/codec.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "wire/limits.h"

namespace torchelastic::wire {

namespace {

using nlohmann::json;
using namespace coordinator;

constexpr std::array<const char*, std::variant_size_v<Message>> kKinds = {
    "ping",      "farewell", "hello", "unable", "ready",    "started", "failed",
    "succeeded", "leaving",  "ended", "report", "notified", "assign",  "stop",
    "finish",    "roster",   "lead",  "defer",  "notify"};

/// Bytes of workers (messages, tracebacks, paths) need not be UTF-8, which CBOR text must be: they
/// travel as byte strings.
json bytes_of(const std::string& text) {
    const std::size_t size = text.size();
    if (size <= kTextLimit) return json::binary({text.begin(), text.end()});
    const std::string head = text.substr(0, kTextLimit / 2);
    const std::string tail = text.substr(size - kTextLimit / 2);
    const std::string cut = fmt::format("{}\n... {} bytes left out ...\n{}", head,
                                        size - head.size() - tail.size(), tail);
    return json::binary({cut.begin(), cut.end()});
}

class Writer {
public:
    void operator()(const char* name, const std::string& text) { fields_[name] = bytes_of(text); }
    void operator()(const char* name, const std::vector<std::string>& list) {
        json& written = fields_[name] = json::array();
        for (const std::string& each : list)
            written.push_back(bytes_of(each));
    }
    void operator()(const char* name, const auto& number) { fields_[name] = number; }
    json take() { return std::move(fields_); }

private:
    json fields_ = json::object();
};

/// Takes what is there with the right type and in range; remembers the first thing that is not.
class Reader {
public:
    explicit Reader(const json& fields) : fields_(fields) {}

    void operator()(const char* name, std::string& text) {
        const json* found = find(name);
        if (found == nullptr) return;
        if (!found->is_binary()) return complain(name);
        text.assign(found->get_binary().begin(), found->get_binary().end());
    }
    void operator()(const char* name, std::vector<std::string>& list) {
        const json* found = find(name);
        if (found == nullptr) return;
        if (!found->is_array()) return complain(name);
        for (const json& each : *found) {
            if (!each.is_binary()) return complain(name);
            list.emplace_back(each.get_binary().begin(), each.get_binary().end());
        }
    }
    void operator()(const char* name, bool& flag) {
        const json* found = find(name);
        if (found == nullptr) return;
        if (!found->is_boolean()) return complain(name);
        flag = found->get<bool>();
    }
    template <class Number>
    void operator()(const char* name, Number& number) {
        const json* found = find(name);
        if (found == nullptr) return;
        if (!found->is_number_integer()) return complain(name);
        // Compared as unsigned where the sender's value is beyond a signed one.
        const bool fits = found->is_number_unsigned()
                              ? std::in_range<Number>(found->get<std::uint64_t>())
                              : std::in_range<Number>(found->get<std::int64_t>());
        if (!fits) return complain(name);
        number = found->get<Number>();
    }
    const std::string& trouble() const { return trouble_; }

private:
    const json* find(const char* name) const {
        const auto found = fields_.find(name);
        return found == fields_.end() ? nullptr : &*found;
    }
    void complain(const char* name) {
        if (trouble_.empty()) trouble_ = fmt::format("field '{}' has a wrong type or value", name);
    }

    const json& fields_;
    std::string trouble_;
};

/// Notes what there is.
class Describer {
public:
    explicit Describer(std::string kind) : kind_(std::move(kind)) {}

    void operator()(const char* name, const std::string&) { add(name, "bytes"); }
    void operator()(const char* name, const std::vector<std::string>&) {
        add(name, "list of bytes");
    }
    void operator()(const char* name, bool) { add(name, "bool"); }
    template <std::integral Number>
    void operator()(const char* name, Number) {
        add(name, fmt::format("{}int{}", std::is_signed_v<Number> ? "" : "u", 8 * sizeof(Number)));
    }
    std::vector<FieldOnWire> take() { return std::move(fields_); }

private:
    void add(std::string name, std::string type) {
        fields_.push_back({kind_, std::move(name), std::move(type)});
    }

    std::string kind_;
    std::vector<FieldOnWire> fields_;
};

void visit(auto& on, Ping& m) {
    on("sent_us", m.sent_us);
    on("echo_us", m.echo_us);
    on("held_us", m.held_us);
}
void visit(auto& on, Farewell& m) {
    on("why", m.why);
}
void visit(auto&, Ended&) {}
void visit(auto& on, Card& card) {
    on("id", card.id);
    on("address", card.address);
    on("order", card.order);
    on("workers", card.workers);
    on("role", card.role);
    on("pid", card.pid);
    on("other_addresses", card.other_addresses);
    on("port", card.port);
}
void visit(auto& on, LastRound& last) {
    on("epoch", last.epoch);
    on("round", last.number);
    on("since", last.since);
    on("restart_count", last.restart_count);
    on("group_size", last.group_size);
    on("with_coordinator", last.with_coordinator);
}
void visit(auto& on, Hello& m) {
    visit(on, m.card);
}
void visit(auto& on, Report& m) {
    visit(on, m.card);
    visit(on, m.last);
    on("group_rank", m.group_rank);
    on("coordinator_died", m.coordinator_died);
    on("others", m.others);
}
void visit(auto& on, Unable& m) {
    on("reason", m.reason);
}
void visit(auto& on, Ready& m) {
    on("store_port", m.store_port);
    on("agent_store", m.agent_store);
}
void visit(auto& on, Started& m) {
    on("round", m.round);
}
void visit(auto& on, Failed& m) {
    on("round", m.round);
    on("agent", m.failure.agent);
    on("local_rank", m.failure.local_rank);
    on("rank", m.failure.rank);
    on("pid", m.failure.pid);
    on("exit_code", m.failure.exit_code);
    on("signal", m.failure.signal);
    on("dumped_core", m.failure.dumped_core);
    on("never_started", m.failure.never_started);
    on("ordered", m.failure.ordered);
    on("time_us", m.failure.time_us);
    on("message", m.failure.message);
    on("traceback", m.failure.traceback);
    on("raised_s", m.failure.raised_s);
    on("error_file", m.failure.error_file);
    on("stderr_file", m.failure.stderr_file);
    on("stderr_end", m.failure.stderr_end);
    on("out_of_memory", m.failure.out_of_memory);
}
void visit(auto& on, Succeeded& m) {
    on("round", m.round);
}
void visit(auto& on, Leaving& m) {
    on("signal", m.signal);
}
void visit(auto& on, Notified& m) {
    on("signal", m.signal);
}
void visit(auto& on, Assignment& m) {
    on("round", m.round);
    on("restart_count", m.restart_count);
    on("max_restarts", m.max_restarts);
    on("group_rank", m.group_rank);
    on("group_world_size", m.group_world_size);
    on("first_rank", m.first_rank);
    on("world_size", m.world_size);
    on("first_role_rank", m.first_role_rank);
    on("role_world_size", m.role_world_size);
    on("master_address", m.master_address);
    on("master_port", m.master_port);
    on("agent_store", m.agent_store);
    on("run_id", m.run_id);
    on("members", m.members);
}
void visit(auto& on, Stop& m) {
    on("round", m.round);
    on("reason", m.reason);
    on("restart_count", m.restart_count);
}
/// The successors travel as two lists of one length: their names, and where they listen.
void visit(auto& on, Roster& m) {
    visit(on, m.last);
    on("coordinator", m.coordinator);
    on("group_rank", m.group_rank);
    std::vector<std::string> names;
    std::vector<std::string> endpoints;
    for (const Successor& each : m.successors) {
        names.push_back(each.id);
        endpoints.push_back(to_string(each.at));
    }
    on("successors", names);
    on("endpoints", endpoints);
    m.successors.clear();
    for (std::size_t i = 0; i < std::min(names.size(), endpoints.size()); ++i) {
        if (auto at = parse_endpoint(endpoints[i], 0)) {
            m.successors.push_back({std::move(names[i]), std::move(*at)});
        }
    }
}
void visit(auto& on, Lead& m) {
    on("epoch", m.epoch);
}
void visit(auto& on, Defer& m) {
    on("why", m.why);
}
void visit(auto& on, Notify& m) {
    on("signal", m.signal);
    on("deadline_s", m.deadline_s);
}
void visit(auto& on, Finish& m) {
    auto outcome = static_cast<unsigned>(m.verdict.outcome);
    on("outcome", outcome);
    on("exit_code", m.verdict.exit_code);
    on("reason", m.verdict.reason);
    constexpr auto kLast = static_cast<unsigned>(Outcome::coordinator_lost);
    m.verdict.outcome = static_cast<Outcome>(outcome > kLast ? kLast : outcome);
}

template <std::size_t... I>
Message make(std::size_t kind, std::index_sequence<I...>) {
    Message message;
    static_cast<void>(((kind == I ? (message.emplace<I>(), true) : false) || ...));
    return message;
}

/// Takes [kind, {name: scalar, name: [scalar, ...], ...}] from the parser and stops it at anything
/// else: nothing nests any deeper, so neither the stack nor a length that is only claimed can hurt.
class Gatherer : public json::json_sax_t {
public:
    const std::string& kind() const { return kind_; }
    const json& fields() const { return fields_; }
    bool complete() const { return place_ == Place::end; }

    bool null() override { return value(nullptr); }
    bool boolean(bool flag) override { return value(flag); }
    bool number_integer(std::int64_t number) override { return value(number); }
    bool number_unsigned(std::uint64_t number) override { return value(number); }
    bool number_float(double number, const std::string&) override { return value(number); }
    bool binary(json::binary_t& bytes) override { return value(json::binary(std::move(bytes))); }
    bool string(std::string& text) override {
        if (place_ != Place::kind) return value(std::move(text));
        kind_ = std::move(text);
        return step(Place::kind, Place::fields);
    }
    bool key(std::string& text) override {
        name_ = std::move(text);
        return step(Place::name, Place::value);
    }
    bool start_array(std::size_t) override {
        if (place_ != Place::value) return step(Place::start, Place::kind);
        fields_[name_] = json::array();
        return step(Place::value, Place::item);
    }
    bool start_object(std::size_t) override { return step(Place::fields, Place::name); }
    bool end_object() override { return step(Place::name, Place::close); }
    bool end_array() override {
        return place_ == Place::item ? step(Place::item, Place::name)
                                     : step(Place::close, Place::end);
    }
    bool parse_error(std::size_t, const std::string&, const json::exception&) override {
        return false;
    }

private:
    enum class Place { start, kind, fields, name, value, item, close, end };
    bool step(Place from, Place to) {
        const bool right = place_ == from;
        place_ = to;
        return right;
    }
    bool value(json scalar) {
        if (place_ == Place::item) {
            fields_[name_].push_back(std::move(scalar));
            return fields_[name_].size() <= kListLimit;
        }
        fields_[name_] = std::move(scalar);
        return step(Place::value, Place::name);
    }

    Place place_ = Place::start;
    std::string kind_;
    std::string name_;
    json fields_ = json::object();
};

}  // namespace

std::string encode(const Message& message) {
    Writer writer;
    Message copy = message;
    std::visit([&](auto& each) { visit(writer, each); }, copy);
    std::string out;
    json::to_cbor(json::array({kKinds.at(message.index()), writer.take()}), out);
    return out;
}

std::vector<FieldOnWire> fields_on_wire() {
    std::vector<FieldOnWire> all;
    for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
        Describer describer(kKinds.at(kind));
        Message message = make(kind, std::make_index_sequence<std::variant_size_v<Message>>());
        std::visit([&](auto& each) { visit(describer, each); }, message);
        for (FieldOnWire& field : describer.take())
            all.push_back(std::move(field));
    }
    return all;
}

Result<Message> decode(std::string_view payload) {
    const auto bad = [](const std::string& why) {
        return failure("not one of our messages: " + why);
    };
    Gatherer gatherer;
    if (!json::sax_parse(payload.begin(), payload.end(), &gatherer, json::input_format_t::cbor) ||
        !gatherer.complete()) {
        return bad("malformed");
    }
    const std::string& kind = gatherer.kind();
    std::size_t index = 0;
    while (index < kKinds.size() && kind != kKinds[index])
        ++index;
    if (index == kKinds.size()) return bad("unknown kind");
    Message message = make(index, std::make_index_sequence<std::variant_size_v<Message>>());
    Reader reader(gatherer.fields());
    std::visit([&](auto& each) { visit(reader, each); }, message);
    if (!reader.trouble().empty()) return bad(reader.trouble());
    if (const char* field = out_of_range(message)) {
        return bad(fmt::format("field '{}' is out of range", field));
    }
    return message;
}

}  // namespace torchelastic::wire
