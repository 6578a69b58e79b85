// SPDX-License-Identifier: Apache-2.0
//
// One rule tried on captures: how far it gets, and what fires it. And all rules: what each costs.
//
// Reads   captures; the rule in steps (RuleSteps), and the rules beside it, whose flowbits it may need.
// Writes  counts by step, the alerts of the rule itself, costs by rule.
// Leaves  the words on the screen (module weir).

package import Capture
import Logs
package import Records
package import Signatures

/// What came of trying a rule.
package struct RuleTrial {
    package struct Step: Sendable {
        package var text: String
        package var alertCount: UInt64 = 0
        /// Connections on which it fired; packets without a connection count as none.
        package var connectionCount = 0
        /// The rule cut off here does not load: the step makes sense only with what follows.
        package var isRefused = false
    }

    /// One alert of the whole rule.
    package struct Hit: Sendable {
        package var ts: Timestamp
        package var uid: UID?
        package var originator: String
        package var responder: String
        /// Where its first content was found.
        package var buffer: String?
        package var offset: UInt64?
        package var matched: [UInt8]
    }

    package private(set) var steps: [Step] = []
    package private(set) var hits: [Hit] = []
    /// Alerts of the whole rule; more than `hits` holds perhaps.
    package private(set) var hitCount: UInt64 = 0
    package private(set) var isSilent = false
    package private(set) var packetCount: UInt64 = 0

    /// Alerts that are kept to be shown.
    package static let hitsMax = 1000
    /// Connections that are told apart for each step.
    private static let connectionsMax = 1 << 20

    /// Tries a rule. `settings` name the rules beside it and the variables; `isBeside` says that the rule itself is
    /// one of them. Throws `SettingsError` where the rule does not load, with the reason; and what reading
    /// captures throws.
    package init(
        _ rule: String, isBeside: Bool = false, settings: Settings, source: inout CaptureSource,
        progress: (@Sendable (Int, Int?, UInt64) -> Void)? = nil
    ) throws {
        var settings = settings
        let parts = try RuleTrial.taken(rule, isBeside)
        isSilent = parts.isSilent
        // Every alert of every step counts.
        settings.alerts.foldSeconds = 0
        settings.signatures.alertsMax = 65_535
        let (index, refused) = try settings.loadRules(with: parts.steps.map(\.rule))
        steps = parts.steps.enumerated().map { Step(text: $1.text, isRefused: refused.contains($0)) }
        var tally = Tally(stepCount: steps.count)
        let outputs = Outputs(logs: nil, store: nil, isReplay: false)
        outputs.witness = { tally.take($0, $1) }
        var replay = Replay(settings: settings, workerCount: 1, rules: index)
        replay.progress = progress
        let summary = try replay.run(&source, into: outputs)
        outputs.witness = nil
        packetCount = summary.counters.packets
        for place in steps.indices {
            steps[place].alertCount = tally.alerts[place]
            steps[place].connectionCount = tally.connections[place].count
        }
        hits = tally.hits
        hitCount = tally.alerts.last ?? 0
    }

    /// The step at which nothing is left; nil where the rule fires.
    package var failingStep: Int? { steps.firstIndex { !$0.isRefused && $0.alertCount == 0 } }

    private static func taken(_ rule: String, _ isBeside: Bool) throws(SettingsError) -> RuleSteps {
        do {
            return try RuleSteps(rule, leavesMarks: !isBeside)
        } catch {
            throw SettingsError("the rule does not load: \(error.sentence)")
        }
    }

    /// Alerts by step.
    private struct Tally {
        var alerts: [UInt64]
        var connections: [Set<UInt64>]
        var hits: [Hit] = []

        init(stepCount: Int) {
            alerts = [UInt64](repeating: 0, count: stepCount)
            connections = [Set<UInt64>](repeating: [], count: stepCount)
        }

        mutating func take(_ rows: borrowing RowBatch, _ schema: LogSchema) {
            guard schema.log == .alert, let number = schema.index(of: "signature_id"),
                let uid = schema.index(of: "uid")
            else { return }
            for row in 0..<rows.count {
                let signature = rows.word(row, schema.columns[number])
                guard signature >= UInt64(RuleSteps.firstSignature) else { continue }
                let step = Int(signature - UInt64(RuleSteps.firstSignature))
                guard alerts.indices.contains(step) else { continue }
                alerts[step] &+= 1
                if rows.isSet(row, uid), connections[step].count < connectionsMax {
                    connections[step].insert(rows.word(row, schema.columns[uid]))
                }
                if step == alerts.count - 1, hits.count < hitsMax { hits.append(Hit(rows, row, schema)) }
            }
        }
    }
}

extension RuleTrial.Hit {
    fileprivate init(_ rows: borrowing RowBatch, _ row: Int, _ schema: LogSchema) {
        func place(_ name: String) -> Int? {
            schema.index(of: name).flatMap { rows.isSet(row, $0) ? $0 : nil }
        }
        func octets(_ name: String) -> [UInt8]? {
            place(name).map { Array(rows.bytes[rows.textRange(row, schema.columns[$0])]) }
        }
        func end(_ host: String, _ port: String) -> String {
            guard let host = place(host) else { return "-" }
            let address = rows.address(row, schema.columns[host]).description
            guard let port = place(port) else { return address }
            return "\(address):\(rows.word(row, schema.columns[port]))"
        }
        ts = place("ts").map { Timestamp(nanoseconds: Int64(bitPattern: rows.word(row, schema.columns[$0]))) } ?? .zero
        uid = place("uid").map { UID(value: rows.word(row, schema.columns[$0])) }
        originator = end("id.orig_h", "id.orig_p")
        responder = end("id.resp_h", "id.resp_p")
        buffer = octets("buffer").map { String(decoding: $0, as: UTF8.self) }
        offset = place("offset").map { rows.word(row, schema.columns[$0]) }
        matched = octets("matched") ?? []
    }
}

/// What each rule of a set costs on captures.
package struct RuleCosts {
    package struct Cost: Sendable {
        package var id: RuleID
        package var message: String
        package var entry: RuleProfile.Entry
        /// The buffer and octets that make it a candidate.
        package var pattern: String?
    }

    /// Rules that were evaluated at all, the dearest first.
    package private(set) var costs: [Cost] = []
    package private(set) var ruleCount: Int
    package private(set) var packetCount: UInt64

    /// Replays captures with one worker and a clock around every evaluation.
    package init(
        _ rules: RuleIndex, settings: Settings, source: inout CaptureSource,
        progress: (@Sendable (Int, Int?, UInt64) -> Void)? = nil
    ) throws {
        let profile = RuleProfile(ruleCount: rules.set.rules.count)
        var replay = Replay(settings: settings, workerCount: 1, rules: rules)
        replay.profile = profile
        replay.progress = progress
        let summary = try replay.run(&source, into: Outputs(logs: nil, store: nil, isReplay: false))
        packetCount = summary.counters.packets
        ruleCount = rules.set.rules.count
        for (place, entry) in profile.entries.enumerated() where entry.candidates > 0 {
            let rule = rules.set.rules[place]
            let explanation = RuleExplanation(rule, rules.set)
            costs.append(
                Cost(
                    id: rule.id, message: rules.set.string(rule.message), entry: entry,
                    pattern: explanation.fastPattern.map { "\($0.buffer.name) \"\($0.pattern)\"" }))
        }
        costs.sort { left, right in
            left.entry.nanoseconds != right.entry.nanoseconds
                ? left.entry.nanoseconds > right.entry.nanoseconds : left.id.signature < right.id.signature
        }
    }
}
