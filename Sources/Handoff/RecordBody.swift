// SPDX-License-Identifier: Apache-2.0
//
// The JSON object that a product takes for a record: our members, then the configuration's, which win.

internal import Foundation
internal import JSON

/// Members in order, each key once.
struct RecordBody {
    private var members: [(key: String, value: [UInt8])] = []

    private mutating func put(_ key: String, _ value: [UInt8]) {
        if let place = members.firstIndex(where: { $0.key == key }) {
            members[place].value = value
        } else {
            members.append((key, value))
        }
    }

    /// Sets what `write` appends; the same key again replaces it.
    mutating func set(_ key: String, _ write: (inout JSONWriter) -> Void) {
        var json = JSONWriter()
        write(&json)
        put(key, json.octets)
    }

    mutating func set(_ key: String, _ text: String) { set(key) { $0.string(text) } }
    mutating func set(_ key: String, _ value: Int64) { set(key) { $0.integer(value) } }
    mutating func set(_ key: String, _ value: Bool) { set(key) { $0.bool(value) } }
    mutating func set(_ key: String, _ texts: [String]) {
        set(key) { json in json.array { for text in texts { $0.string(text) } } }
    }

    /// Leaves the key out where there is no text.
    mutating func setIfAny(_ key: String, _ text: String?) {
        if let text, !text.isEmpty { set(key, text) }
    }

    func write(to json: inout JSONWriter) {
        json.object { json in
            for member in members {
                json.key(member.key)
                json.raw(member.value[...])
            }
        }
    }

    var octets: [UInt8] {
        var json = JSONWriter()
        write(to: &json)
        return json.octets
    }
}

extension HandoffIncident {
    /// The incident in the project's own form, for receivers without a form of their own.
    func body() -> RecordBody {
        var body = RecordBody()
        body.set("id", id)
        body.set("key", key)
        body.set("number", number)
        body.set("sensor", sensor)
        body.set("title", title)
        body.set("summary", summary)
        body.set("severity", severity.rawValue)
        body.set("status", status)
        body.set("closed", isClosed)
        body.setIfAny("verdict", verdict)
        body.setIfAny("owner", owner)
        body.set("created", UTC.text(created))
        body.set("updated", UTC.text(updated))
        body.set("first", UTC.text(first))
        body.set("last", UTC.text(last))
        let times = self.times
        body.set("times") { json in
            json.object { json in
                for (name, time) in times.sorted(by: { $0.key < $1.key }) { json.member(name, UTC.text(time)) }
            }
        }
        body.set("entities", entities)
        body.set("techniques", techniques)
        body.set("alert_count", alertCount)
        let alerts = self.alerts
        body.set("alerts") { json in json.array { json in for alert in alerts { alert.write(to: &json) } } }
        let events = self.events
        body.set("events") { json in json.array { json in for event in events { event.write(to: &json) } } }
        if isTest { body.set("test", true) }
        return body
    }
}

extension HandoffAlert {
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("time", UTC.text(time))
            json.member("source", source)
            json.member("rule_id", ruleID)
            json.member("title", title)
            json.member("severity", severity)
            json.memberIfAny("category", category)
            json.member("techniques", techniques)
            json.memberIfAny("uid", uid)
            json.memberIfAny("community_id", communityID)
            json.memberIfAny("src_ip", sourceAddress)
            if let sourcePort { json.member("src_port", sourcePort) }
            json.memberIfAny("dest_ip", targetAddress)
            if let targetPort { json.member("dest_port", targetPort) }
            json.memberIfAny("proto", transport)
            json.memberIfAny("matched", matched)
            json.member("count", count)
        }
    }
}

extension HandoffEvent {
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("number", number)
            json.member("time", UTC.text(time))
            json.member("kind", kind)
            json.member("who", who)
            if !why.isEmpty { json.member("why", why) }
        }
    }
}
