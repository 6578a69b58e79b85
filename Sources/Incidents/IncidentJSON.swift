// SPDX-License-Identifier: Apache-2.0
//
// Incidents as JSON: one object each, for programs.
//
// Reads   an `IncidentView`, or a line of a list.
// Writes  JSON; times are RFC 3339 in UTC.
// Leaves  other products' forms (module Handoff).

package import JSON
import Query
import Records

extension IncidentView {
    /// Appends the incident as an object.
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("number", number)
            json.member("uid", uid)
            json.member("revision", revision)
            json.member("title", title)
            json.member("sentence", sentence)
            json.member("severity", severity.name)
            json.member("state", state.rawValue)
            json.member("score", score)
            json.memberIfAny("owner", owner)
            json.memberIfAny("verdict", verdict?.rawValue)
            if let mergedInto { json.member("merged_into", mergedInto) }
            json.member("found_outside", isFoundOutside)
            json.member("first", first.stamp)
            json.member("last", last.stamp)
            json.key("times")
            json.object { json in
                for (name, time) in times.all { json.memberIfAny(name, time?.stamp) }
            }
            json.member("alert_count", alertCount)
            json.member("techniques", techniques)
            json.key("stages")
            json.array { json in for stage in stages { stage.write(to: &json) } }
            json.key("entities")
            json.array { json in for entity in entities { entity.write(to: &json) } }
            json.key("alerts")
            json.array { json in for alert in alerts { alert.write(to: &json) } }
            json.key("events")
            json.array { json in for event in events { event.write(to: &json) } }
            if let context { context.write(to: &json) }
        }
    }
}

extension IncidentSummary {
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("number", number)
            json.member("uid", uid)
            json.member("severity", severity.name)
            json.member("state", state.rawValue)
            json.member("score", score)
            json.member("title", title)
            json.memberIfAny("owner", owner)
            json.memberIfAny("verdict", verdict?.rawValue)
            json.member("first", first.stamp)
            json.member("last", last.stamp)
            json.member("alert_count", alertCount)
        }
    }
}

extension IncidentStage {
    fileprivate func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("stage", stage.rawValue)
            json.memberIfAny("tactic", stage.tactic)
            json.member("first", first.stamp)
            json.member("last", last.stamp)
            json.member("alert_count", alertCount)
            json.member("titles", titles)
        }
    }
}

extension IncidentEntity {
    fileprivate func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("kind", kind)
            json.member("value", value)
            json.member("role", role.rawValue)
            json.member("first", first.stamp)
            json.member("last", last.stamp)
            json.member("alert_count", alertCount)
        }
    }
}

extension IncidentAlert {
    fileprivate func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("ts", time.stamp)
            json.member("first", first.stamp)
            json.member("last", last.stamp)
            json.member("source", source)
            json.member("rule", rule)
            json.member("title", title)
            json.member("severity", severity)
            json.member("confidence", confidence)
            json.member("stage", stage.rawValue)
            json.member("techniques", techniques)
            json.memberIfAny("uid", uid)
            json.memberIfAny("orig_h", originator)
            if let originatorPort { json.member("orig_p", originatorPort) }
            json.memberIfAny("resp_h", responder)
            if let responderPort { json.member("resp_p", responderPort) }
            json.member("from_orig", isFromOriginator)
            json.memberIfAny("app_proto", application)
            json.memberIfAny("buffer", buffer)
            if !matched.isEmpty { json.member("matched", MatchedOctets.text(matched)) }
            json.member("count", count)
            json.member("entities", entities)
            // What a rule or a feed calls JSON is checked: one bad object would spoil the whole.
            if let evidence, let document = try? JSONDocument(evidence), document.root.isObject {
                json.key("evidence")
                json.raw(document.root.raw)
            }
        }
    }
}

extension IncidentEvent {
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("id", id)
            json.member("ts", time.stamp)
            json.member("who", who)
            json.member("kind", kind.rawValue)
            json.member("why", why)
            if let document = try? JSONDocument(what), document.root.isObject {
                json.key("what")
                json.raw(document.root.raw)
            }
        }
    }
}

extension IncidentContext {
    fileprivate func write(to json: inout JSONWriter) {
        json.member("connection_count", connectionCount)
        list("connections", connections, &json) { entry, json in
            json.member("uid", entry.uid)
            json.member("orig_h", entry.originator)
            json.member("resp_h", entry.responder)
            json.member("resp_p", entry.responderPort)
            json.member("proto", entry.proto)
            json.member("service", entry.service)
            json.member("count", entry.count)
            json.member("first", entry.first.stamp)
            json.member("last", entry.last.stamp)
            json.member("sent_bytes", entry.sentBytes)
            json.member("received_bytes", entry.receivedBytes)
        }
        list("names", names, &json) { entry, json in
            json.member("name", entry.name)
            json.member("source", entry.source)
            json.member("host", entry.host)
            json.member("count", entry.count)
            json.member("first", entry.first.stamp)
        }
        list("files", files, &json) { entry, json in
            json.member("fuid", entry.fuid)
            json.member("uid", entry.uid)
            json.member("ts", entry.time.stamp)
            json.memberIfAny("name", entry.name)
            json.memberIfAny("mime_type", entry.mimeType)
            json.member("bytes", entry.byteCount)
            json.memberIfAny("sha256", entry.sha256)
            json.member("source", entry.source)
        }
        list("cloud_calls", cloudCalls, &json) { entry, json in
            json.member("ts", entry.time.stamp)
            json.member("principal", entry.principal)
            json.member("call", entry.call)
            json.member("address", entry.address)
            json.member("outcome", entry.outcome)
            json.member("record", entry.record)
        }
        list("prevalence", prevalence, &json) { entry, json in
            json.member("kind", entry.kind)
            json.member("value", entry.value)
            json.member("first", entry.first.stamp)
            json.member("last", entry.last.stamp)
            json.member("hosts", entry.hostCount)
            json.member("all_hosts", entry.allHostCount)
        }
        list("steps", steps, &json) { entry, json in
            json.member("playbook", entry.playbook)
            json.member("title", entry.title)
            json.member("text", entry.text)
            json.memberIfAny("query", entry.query)
            json.memberIfAny("command", entry.command)
        }
        if !gaps.isEmpty { json.member("gaps", gaps) }
    }

    private func list<Entry>(
        _ name: String, _ entries: [Entry], _ json: inout JSONWriter, _ write: (Entry, inout JSONWriter) -> Void
    ) {
        json.key(name)
        json.array { json in
            for entry in entries { json.object { json in write(entry, &json) } }
        }
    }
}
