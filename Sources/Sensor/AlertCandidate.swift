// SPDX-License-Identifier: Apache-2.0
//
// A signature's match on its way from a worker to the collector.

import Records
import Signatures

/// One match with all that its alert shows. The collector decides whether it becomes one.
struct AlertCandidate: Sendable {
    /// Place in the order of rows.
    var order: UInt64
    var ordinal: UInt64
    var set: RuleSet
    var alert: SignatureAlert
    var uid: UID?
    var id: ConnectionID
    /// The event's own members of EVE behind `alert`: the transaction's fields, `flow`.
    var event: [UInt8] = []
    var packet = EventPacket()
    /// What a `rate_filter` has made of the rule's action.
    var raised: RuleAction?

    /// What is done about it, where somebody is in the way.
    var action: RuleAction { raised ?? self.rule.action }
    /// As EVE has it: a watcher refuses, and drops only what a filter tells it to.
    var isBlocked: Bool {
        switch action {
        case .rejectSource, .rejectTarget, .rejectBoth: true
        case .drop: raised != nil
        case .pass, .alert, .config: false
        }
    }

    var rule: Rule { self.set.rules[Int(alert.rule)] }
}
