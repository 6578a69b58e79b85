// SPDX-License-Identifier: Apache-2.0
//
// What a host's doings amount to: RITA's threat score, version 5 (its analysis/analysis.go, default_config.hjson).
//
// Reads   a beacon's score, seconds, names below a domain, what else is known of a pair.
// Writes  a score, 0 upward, and its severity.
// Leaves  finding these out (`ThreatAnalysis`).

/// Where a measure passes from nothing to low, medium and high.
package struct ThreatBuckets: Sendable, Equatable {
    package var base: Double
    package var low: Double
    package var medium: Double
    package var high: Double

    /// Beacon score in hundredths.
    package static let beacon = ThreatBuckets(base: 50, low: 70, medium: 90, high: 100)
    /// Seconds of all connections of a pair together.
    package static let longConnection = ThreatBuckets(base: 3600, low: 14_400, medium: 28_800, high: 43_200)
    /// Distinct names below one registered domain.
    package static let namesBelow = ThreatBuckets(base: 100, low: 500, medium: 800, high: 1000)

    /// 0 below the base, then 0.2 to 0.4, to 0.6, to 0.8, in straight lines between the bounds.
    package func score(_ value: Double) -> Double {
        if !(value >= base) { return 0 }
        if value < low { return 0.2 + (value - base) / (low - base) * 0.2 }
        if value < medium { return 0.4 + (value - low) / (medium - low) * 0.2 }
        return 0.6 + (min(value, high) - medium) / (high - medium) * 0.2
    }
}

/// One pair of hosts, or a host and a name, with what counts for and against it.
package struct ThreatScore: Sendable, Equatable {
    package var beacon = 0.0
    package var longConnection = 0.0
    package var strobe = 0.0
    package var namesBelow = 0.0
    package var intel = 0.0
    package var prevalence = 0.0
    package var firstSeen = 0.0
    package var missingHost = 0.0
    package var rareSignature = 0.0
    package var mimeMismatch = 0.0
    package var intelVolume = 0.0
    package var noDirectConnections = 0.0

    package init() {}

    /// What a pair has to have done at all: one connection a second all day, or an indicator hit, is high at once.
    package static let highImpact = 0.8
    package static let modifier = 0.15
    package static let missingHostModifier = 0.10

    /// The gravest of what it did.
    package var base: Double { max(beacon, longConnection, strobe, namesBelow, intel) }
    /// What speaks for or against it beside that.
    package var modifiers: Double {
        prevalence + firstSeen + missingHost + rareSignature + mimeMismatch + intelVolume + noDirectConnections
    }
    /// Not below 0; modifiers may lift it above 1.
    package var final: Double { max(base + modifiers, 0) }

    /// Few hosts of the network talk to it: suspicious. Half of them do: ordinary.
    package mutating func setPrevalence(hosts: Int, of networkSize: Int) {
        guard networkSize > 0 else { return }
        let share = Double(hosts) / Double(networkSize)
        prevalence = share <= 0.02 ? ThreatScore.modifier : share >= 0.5 ? -ThreatScore.modifier : 0
    }

    /// New to the network: suspicious. Known for a month: ordinary. `days` before the newest record.
    package mutating func setFirstSeen(days: Double) {
        firstSeen = days <= 7 ? ThreatScore.modifier : days >= 30 ? -ThreatScore.modifier : 0
    }

    package var severity: ThreatSeverity {
        switch final {
        case let score where score > 0.8: .critical
        case let score where score > 0.6: .high
        case let score where score > 0.4: .medium
        case let score where score > 0.2: .low
        default: .none
        }
    }
}

package enum ThreatSeverity: String, Sendable {
    case none, low, medium, high, critical
}
