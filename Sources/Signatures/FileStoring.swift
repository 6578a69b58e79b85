// SPDX-License-Identifier: Apache-2.0
//
// What rules with `filestore` want of the files around their match.
//
// Reads   the effects of a rule that has matched.
// Writes  nothing: the sensor keeps the files (Protocols/SeenFiles+Storing.swift).
// Leaves  alerts.

package import Records

/// The files that a match wants kept.
package struct FileStoring: Sendable, BitwiseCopyable, Equatable {
    /// All of the connection, from now on and of transactions whose files still wait; else of one transaction.
    package var transaction: UInt64?
    /// Files of this side alone; of both where it is nil.
    package var direction: Direction?

    package init(transaction: UInt64?, direction: Direction?) {
        (self.transaction, self.direction) = (transaction, direction)
    }
}

extension RuleSet {
    /// Whether a rule has `filestore`.
    package var storesFiles: Bool { rules.contains { $0.flags.contains(.storesFile) } }

    /// What a rule wants of an alert's files; nil where it has no `filestore`. Without a direction it is the alert's.
    package func storing(_ alert: SignatureAlert) -> FileStoring? {
        let rule = rules[Int(alert.rule)]
        guard rule.flags.contains(.storesFile) else { return nil }
        for place in rule.effects.indices {
            guard case .filestore(let side, let scope) = effects[place] else { continue }
            let direction: Direction? =
                switch side {
                case .toServer: .originator
                case .toClient: .responder
                case .either: scope == .file ? (alert.isToServer ? .originator : .responder) : nil
                }
            return FileStoring(transaction: scope == .flow ? nil : alert.transaction, direction: direction)
        }
        return nil
    }
}
