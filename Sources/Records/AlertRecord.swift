// SPDX-License-Identifier: Apache-2.0
//
// The alert table, and Zeek's signatures log: what raised its hand, as rows.
//
// Reads   nothing: who raises an alert fills them.
// Writes  rows of `LogID.alert` and `LogID.signatures`.
// Leaves  EVE's alert events (AlertDesk.swift of the sensor).

/// One alert, or several of the same rule between the same hosts, folded. Everything that
/// raises its hand writes this one schema.
package struct AlertRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var communityID = Text.absent
    /// What raised its hand (`signature`, `hunt`, `sigma`, `indicator`, `sensor`), and its rule's identity.
    package var source: StaticString = "signature"
    package var ruleID = Text.absent
    package var title = Text.absent
    package var action: StaticString = "alert"
    package var generator: UInt64?
    package var signature: UInt64?
    package var revision: UInt64?
    package var category = Text.absent
    package var severity: UInt64 = 3
    package var techniques: [Text] = []
    package var metadata: [Text] = []
    /// Who and what the alert is about, beside the connection's hosts: `host:10.0.0.5`, `user:alice`,
    /// `principal:arn:aws:iam::1:user/alice`, `domain:evil.example`, `file:SHA256`, `record:ID` of a cloud record.
    package var entities: [Text] = []
    /// What was found, as one JSON object: the row of a hunt, the fields that a Sigma rule matched.
    package var evidence = Text.absent
    package var isFromOriginator = true
    package var application: StaticString?
    package var transaction: UInt64?
    package var buffer: StaticString?
    package var offset: UInt64?
    package var matched = Text.absent
    package var count: UInt64 = 1
    package var first = Timestamp.zero
    package var last = Timestamp.zero
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.alert
    package static let summary: StaticString =
        "What raised its hand, a signature, a hunt, a Sigma rule or an indicator, with its evidence."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text(
            "community_id", communityID, in: text, "The flow's name in every tool: Community ID, version 1.",
            isKey: true)
        row.enumeration("source", source, "What raised its hand: signature, hunt, sigma, indicator or sensor.")
        row.text("rule_id", ruleID, in: text, "Identity of the rule; of a signature gid:sid:rev.", isKey: true)
        row.text("title", title, in: text, "The rule's message.", isKey: true)
        row.count("severity", severity, "1 is the most urgent, 4 the least.")
        row.text("category", category, in: text, "The rule's class, in words.")
        row.textSet("techniques", techniques.isEmpty ? nil : techniques, in: text, "ATT&CK techniques of the rule.")
        row.enumeration("action", action, "What the rule asks for. Weir only watches.")
        row.count("gid", generator, "Generator of the signature.")
        row.count("signature_id", signature, "Number of the signature.")
        row.count("rev", revision, "Revision of the signature.")
        row.boolean("from_orig", isFromOriginator, "Whether the originator sent what matched.")
        row.enumeration("app_proto", application, "Application protocol of the connection.")
        row.count("tx_id", transaction, "Which transaction of the connection matched, from 0.")
        row.enumeration("buffer", buffer, "Where the rule's first content was found, such as http.uri.")
        row.count("offset", offset, "Octets before it in that buffer.")
        row.text("matched", matched, in: text, "The octets found, 32 at most.")
        row.count("count", count, "Alerts of the same rule between the same hosts that this row stands for.")
        row.time("first_ts", first, "Time of the first of them.")
        row.time("last_ts", last, "Time of the last of them.")
        row.textVector("metadata", metadata.isEmpty ? nil : metadata, in: text, "Metadata of the rule.")
        row.textVector(
            "entities", entities.isEmpty ? nil : entities, in: text,
            "Who and what it is about beside the hosts, as kind:value: host, user, principal, domain, file, record.")
        row.text("evidence", evidence, in: text, "What was found, as a JSON object.")
    }

    /// Blank again; keeps memory.
    package mutating func clear() {
        (communityID, ruleID, title, category, matched) = (.absent, .absent, .absent, .absent, .absent)
        evidence = .absent
        entities.removeAll(keepingCapacity: true)
        techniques.removeAll(keepingCapacity: true)
        metadata.removeAll(keepingCapacity: true)
        (buffer, offset, application, transaction) = (nil, nil, nil, nil)
        count = 1
        text.clear()
    }
}

/// One match in the form of Zeek's signature framework.
package struct SignatureMatchRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var source = Address(v4: 0)
    package var sourcePort: UInt16 = 0
    package var target = Address(v4: 0)
    package var targetPort: UInt16 = 0
    package var signatureID = Text.absent
    package var message = Text.absent
    package var buffer: StaticString?
    package var offset: UInt64?
    package var matched = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.signatures
    package static let summary: StaticString = "Signatures that matched, in the form of Zeek's signature framework."

    package func write(to row: inout RowBatch) {
        row.time("ts", ts, "When the signature matched.")
        row.uid("uid", uid, "Identity of the connection, the same in every log.")
        row.address("src_addr", source, "Sender of what matched.")
        row.port("src_port", sourcePort, "Its port.")
        row.address("dst_addr", target, "Receiver of what matched.")
        row.port("dst_port", targetPort, "Its port.")
        row.enumeration("note", "Signatures::Sensitive_Signature", "Kind of notice.")
        row.text("sig_id", signatureID, in: text, "Identity of the signature, gid:sid:rev.", isKey: true)
        row.text("event_msg", message, in: text, "The signature's message, behind the sender.")
        row.text("sub_msg", matched, in: text, "The octets that matched, 32 at most.")
        row.count("sig_count", nil, "Matches of a summary.")
        row.count("host_count", nil, "Hosts of a summary.")
        row.enumeration("buffer", buffer, "Where the rule's first content was found, such as http.uri.")
        row.count("offset", offset, "Octets before it in that buffer.")
    }
}
