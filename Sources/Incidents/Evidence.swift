// SPDX-License-Identifier: Apache-2.0
//
// What speaks for an incident: how far the attack has come, how many kinds of witness there are, how sure each is.
//
// Reads   what each rule said, folded.
// Writes  a score, a severity, and whether a person should see it.
// Leaves  the words (Narrative.swift).

import Records

/// What one rule says in an incident, over all of its alerts.
struct RuleEvidence: Equatable {
    var source: String
    var rule: String
    var title: String
    var stage: Stage
    /// 1 is the most urgent, 4 the least.
    var severity: Int
    /// 0 to 1.
    var confidence: Double
    var alertCount: Int
    var first: Timestamp
    var last: Timestamp

    /// Points. How often a rule fired says nothing: a loud rule is no better witness than a quiet one.
    var weight: Double {
        let base: Double
        switch severity {
        case ...1: base = 40
        case 2: base = 24
        case 3: base = 12
        default: base = 4
        }
        return base * confidence
    }
}

/// The weight of an incident's evidence.
struct Evidence: Equatable {
    /// Points, without bound.
    private(set) var points = 0.0
    private(set) var severity = IncidentSeverity.low
    /// Stages of an attack that are seen, in order.
    private(set) var stages: [Stage] = []

    /// From these points on a person should see it: one sure sign of somebody inside, or two of an attempt.
    static let raisedPoints = 20.0
    /// What a second kind of witness, and a second stage, add.
    private static let sourceFactor = 0.15
    private static let stageFactor = 0.25
    /// Attempts from outside that nothing follows are every day's weather.
    private static let attemptFactor = 0.6
    /// What makes attacks easy is for the administrator, not for the one on watch.
    private static let weaknessFactor = 0.2
    private static let otherFactor = 0.6

    init(_ rules: [RuleEvidence]) {
        var byStage: [Stage: [Double]] = [:]
        for rule in rules { byStage[rule.stage, default: []].append(rule.weight) }
        stages = byStage.keys.filter(\.isStep).sorted()
        var sum = 0.0
        for stage in Stage.allCases {
            guard let weights = byStage[stage] else { continue }
            // Each further rule of a stage says half as much as the one before.
            var share = 1.0
            var total = 0.0
            for weight in weights.sorted(by: >).prefix(4) {
                total += weight * share
                share /= 2
            }
            sum += total * (stage == .weakness ? Evidence.weaknessFactor : stage == .other ? Evidence.otherFactor : 1)
        }
        let isInside = stages.contains(where: \.isInside)
        if !stages.isEmpty, !isInside { sum *= Evidence.attemptFactor }
        let witnesses = Set(rules.filter { $0.stage != .weakness }.map(\.source)).count
        sum *= 1 + Evidence.stageFactor * Double(max(stages.count, 1) - 1)
        points = sum * (1 + Evidence.sourceFactor * Double(max(witnesses, 1) - 1))
        severity = Evidence.severity(points, stages, isInside)
    }

    private static func severity(_ points: Double, _ stages: [Stage], _ isInside: Bool) -> IncidentSeverity {
        let hasEnd = stages.contains { $0 == .exfiltration || $0 == .impact || $0 == .lateral }
        if isInside, stages.count >= 3, points >= 120, hasEnd { return .critical }
        if isInside, points >= 60 { return .high }
        if points >= 30 { return .medium }
        return .low
    }

    var isRaised: Bool { points >= Evidence.raisedPoints }
}

extension StoredAlert {
    /// How sure the rule is, 0 to 1: what the alert says of itself, else what its kind is worth.
    func confidence(_ facts: AlertFacts) -> Double {
        if let own = facts.confidence { return own }
        for pair in metadata {
            let words = pair.lowercased().split(separator: " ")
            guard words.count == 2, words[0] == "confidence" else { continue }
            switch words[1] {
            case "high": return 0.9
            case "medium": return 0.7
            case "low": return 0.35
            default: break
            }
        }
        switch source {
        case "sensor": return 0.5
        case "indicator": return 0.6
        default: return 0.7
        }
    }
}
