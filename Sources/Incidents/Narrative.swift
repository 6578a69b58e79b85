// SPDX-License-Identifier: Apache-2.0
//
// An incident in words: a title, and what happened in one sentence.
//
// Reads   what the rules said, stage by stage, and between whom.
// Writes  plain texts.
// Leaves  the page (IncidentPage.swift).

import Records

/// Between whom the alerts of one stage were.
struct StagePair: Equatable {
    var stage: Stage
    var originator: String?
    var responder: String?
    var alertCount: Int
}

struct Narrative {
    private(set) var title: String
    private(set) var sentence: String

    /// - Parameters:
    ///   - rules: of all alerts, folded by rule.
    ///   - pairs: of all alerts, folded by stage and hosts.
    ///   - hosts: who it is about where alerts name no connection, our own first.
    init(_ rules: [RuleEvidence], _ pairs: [StagePair], hosts: [String], own: OwnNetworks) {
        var first: [Stage: Timestamp] = [:]
        for rule in rules { first[rule.stage] = min(first[rule.stage] ?? rule.first, rule.first) }
        let order = first.keys.filter(\.isStep).sorted { left, right in
            let (earlier, later) = (first[left] ?? .zero, first[right] ?? .zero)
            return earlier != later ? earlier < later : left < right
        }
        var clauses: [String] = []
        var subjects: [String] = []
        for stage in order.isEmpty ? first.keys.sorted() : order {
            let ends = Ends(pairs.filter { $0.stage == stage }, hosts, own)
            if let inside = ends.inside, !subjects.contains(inside) { subjects.append(inside) }
            clauses.append(Narrative.clause(stage, ends, rules))
        }
        let names = order.prefix(7).map(\.title)
        let about =
            subjects.first.map { subjects.count > 1 ? "\($0) and \(subjects.count - 1) more" : $0 } ?? hosts.first
        let best = rules.max { $0.weight < $1.weight }?.title ?? "Alerts"
        let what = names.isEmpty ? best : Narrative.capitalised(Narrative.list(names))
        title = about.map { "\(what): \($0)" } ?? what
        sentence = clauses.isEmpty ? "" : Narrative.capitalised(clauses.joined(separator: ", then ")) + "."
    }

    /// The two ends of a stage.
    private struct Ends {
        var source: String
        var target: String
        /// The first of our own hosts.
        var inside: String?
        var outside: String?

        init(_ pairs: [StagePair], _ hosts: [String], _ own: OwnNetworks) {
            let best = pairs.max { $0.alertCount < $1.alertCount }
            let isOwn = { (text: String) in Address(text).map(own.contains) ?? false }
            let all = [best?.originator, best?.responder].compactMap { $0 }
            let known = all.isEmpty ? hosts : all
            let near = known.first(where: isOwn) ?? known.first
            let ends = pairs.flatMap { [$0.originator, $0.responder].compactMap { $0 } }
            let far = (known + ends).first { !isOwn($0) && $0 != near }
            (inside, outside) = (near, far)
            let sources = Set(pairs.compactMap(\.originator))
            let targets = Set(pairs.compactMap(\.responder))
            source = Ends.text(best?.originator ?? near, sources.count)
            target = Ends.text(best?.responder ?? far, targets.count)
        }

        private static func text(_ name: String?, _ count: Int) -> String {
            guard let name else { return "somebody" }
            return count > 1 ? "\(name) and \(count - 1) more" : name
        }
    }

    private static func clause(_ stage: Stage, _ ends: Ends, _ rules: [RuleEvidence]) -> String {
        let inside = ends.inside ?? ends.target
        let outside = ends.outside.map { " " + $0 } ?? " others"
        switch stage {
        case .scan: return "\(ends.source) scanned \(ends.target)"
        case .exploit: return "\(ends.source) attacked \(ends.target)"
        case .execution: return "foreign commands ran on \(inside)"
        case .persistence: return "a foothold was left on \(inside)"
        case .credentials: return "\(ends.source) went for credentials of \(ends.target)"
        case .discovery: return "\(ends.source) looked around inside"
        case .lateral: return "\(ends.source) went on to \(ends.target)"
        case .collection: return "data was gathered on \(inside)"
        case .beacon: return "\(inside) kept in touch with\(outside)"
        case .tunnel: return "\(inside) tunnelled to\(outside)"
        case .exfiltration: return "\(inside) sent data out to\(outside)"
        case .impact: return "damage was done on \(inside)"
        case .weakness, .other:
            let best = rules.filter { $0.stage == stage }.max { $0.weight < $1.weight }?.title ?? "an alert"
            return "“\(best)” was raised between \(ends.source) and \(ends.target)"
        }
    }

    private static func list(_ names: [String]) -> String {
        guard let last = names.last, names.count > 1 else { return names.first ?? "" }
        return names.dropLast().joined(separator: ", ") + " and " + last
    }

    private static func capitalised(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }
}
