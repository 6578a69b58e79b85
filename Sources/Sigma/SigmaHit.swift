// SPDX-License-Identifier: Apache-2.0
//
// A rule that fits an event, and the alert it makes.

import JSON
package import Records

package struct SigmaHit: Sendable {
    package let rule: SigmaRule
    /// The log that the event stands in.
    package let log: String
    package let time: Timestamp
    /// The fields whose tests were true, with the values that fit.
    package internal(set) var fields: [(name: String, value: String)] = []
    package internal(set) var uid: UID?
    package internal(set) var connection: ConnectionID?
    /// As the alert table has them: `principal:…`, `user:…`, `host:…`, `domain:…`, `record:…`.
    package internal(set) var entities: [String] = []

    init(rule: SigmaRule, log: String, time: Timestamp) {
        self.rule = rule
        self.log = log
        self.time = time
    }

    /// The fields that fit, as one JSON object.
    package var evidence: String {
        var json = JSONWriter()
        json.object { json in
            json.member("log", log)
            for field in fields { json.member(field.name, field.value) }
        }
        return json.text
    }

    /// The hit as one JSON object.
    package var json: String {
        var json = JSONWriter()
        json.object { json in
            json.member("time", Double(time.nanoseconds / 1000) / 1e6)
            json.member("rule", rule.id)
            json.member("title", rule.title)
            json.member("level", rule.level.rawValue)
            json.member("techniques", rule.techniques)
            json.member("log", log)
            if let uid { json.member("uid", uid.description) }
            json.member("entities", entities)
            json.key("fields")
            json.object { json in for field in fields { json.member(field.name, field.value) } }
        }
        return json.text
    }

    /// The hit as a row of `alert`.
    package var alert: AlertRecord {
        var record = AlertRecord()
        fill(&record)
        return record
    }

    /// Fills a record that is used again and again.
    func fill(_ record: inout AlertRecord) {
        record.clear()
        record.ts = time
        record.first = time
        record.last = time
        record.uid = uid
        record.id = connection
        record.source = "sigma"
        record.severity = rule.level.severity
        record.ruleID = SigmaHit.add(rule.id, &record)
        record.title = SigmaHit.add(rule.title, &record)
        record.category = SigmaHit.add(rule.source.description, &record)
        record.techniques = rule.techniques.map { SigmaHit.add($0, &record) }
        record.metadata = ["level \(rule.level.rawValue)"].map { SigmaHit.add($0, &record) }
        record.entities = entities.map { SigmaHit.add($0, &record) }
        record.evidence = SigmaHit.add(evidence, &record)
    }

    private static func add(_ text: String, _ record: inout AlertRecord) -> Text {
        let start = record.text.begin()
        record.text.bytes.append(contentsOf: text.utf8)
        return record.text.end(start)
    }
}
