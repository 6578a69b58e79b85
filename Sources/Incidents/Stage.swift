// SPDX-License-Identifier: Apache-2.0
//
// The stages of an attack, by ATT&CK's techniques.
//
// Reads   techniques and the words of a rule.
// Writes  a stage.
// Leaves  what follows from it (Evidence.swift).

/// A stage of an attack: a tactic of ATT&CK under the word that analysts of traffic use. Ordered as attacks go.
package enum Stage: String, Sendable, CaseIterable, Comparable {
    case scan
    case exploit
    case execution
    case persistence
    case credentials
    case discovery
    case lateral
    case collection
    case beacon
    case tunnel
    case exfiltration
    case impact
    /// Something that makes attacks easy, and no act of an attacker.
    case weakness
    /// Nothing is said of the stage.
    case other

    /// The tactic of ATT&CK; nil for what is none.
    package var tactic: String? {
        switch self {
        case .scan: "TA0043"
        case .exploit: "TA0001"
        case .execution: "TA0002"
        case .persistence: "TA0003"
        case .credentials: "TA0006"
        case .discovery: "TA0007"
        case .lateral: "TA0008"
        case .collection: "TA0009"
        case .beacon, .tunnel: "TA0011"
        case .exfiltration: "TA0010"
        case .impact: "TA0040"
        case .weakness, .other: nil
        }
    }

    /// For a title: `Scan`, `exploit`.
    package var title: String {
        switch self {
        case .lateral: "lateral movement"
        case .credentials: "credential access"
        default: rawValue
        }
    }

    /// Whether it says how far an attack has come.
    package var isStep: Bool { self != .weakness && self != .other }

    /// Whether the attacker is inside once it is seen: all that comes after the attempts.
    package var isInside: Bool { isStep && self != .scan && self != .exploit && self != .credentials }

    private var order: Int { Stage.allCases.firstIndex(of: self) ?? 0 }
    package static func < (left: Stage, right: Stage) -> Bool { left.order < right.order }

    /// The stage of an alert: by its techniques, then by the words of its rule.
    package init(techniques: [String], rule: String, title: String, category: String, isBetweenOwn: Bool) {
        for technique in techniques {
            guard let stage = Stage.stage(technique: technique) else { continue }
            // The same look around is reconnaissance from outside and discovery from within.
            self = stage == .scan && isBetweenOwn ? .discovery : stage == .discovery && !isBetweenOwn ? .scan : stage
            return
        }
        var text: [UInt8] = []
        for part in [rule, title, category] {
            for octet in part.utf8 { text.append(0x41...0x5A ~= octet ? octet | 0x20 : octet) }
            text.append(0x20)
        }
        let found = Stage.words.first { Stage.contains($0.word, text) }?.stage ?? .other
        self = found == .scan && isBetweenOwn ? .discovery : found
    }

    /// The stage of a technique such as `T1071.004`, or of a tactic such as `TA0010`.
    package static func stage(technique: String) -> Stage? {
        let name = technique.uppercased()
        if let exact = techniques[name] { return exact }
        if let tactic = tactics[name] { return tactic }
        return techniques[String(name.prefix { $0 != "." })]
    }

    private static let tactics: [String: Stage] = [
        "TA0043": .scan, "TA0042": .scan, "TA0001": .exploit, "TA0002": .execution, "TA0003": .persistence,
        "TA0004": .persistence, "TA0005": .execution, "TA0006": .credentials, "TA0007": .discovery,
        "TA0008": .lateral,
        "TA0009": .collection, "TA0011": .beacon, "TA0010": .exfiltration, "TA0040": .impact,
    ]

    /// Techniques that are seen on the wire or in audit records (attack.mitre.org, enterprise matrix). A technique of
    /// several tactics stands under the one that such alerts speak of.
    private static let techniques: [String: Stage] = {
        let lists: [(Stage, String)] = [
            (.scan, "T1595 T1592 T1589 T1590 T1591 T1593 T1594 T1596 T1597 T1598 T1583 T1584 T1587 T1588"),
            (.exploit, "T1190 T1189 T1133 T1566 T1195 T1199 T1200 T1091 T1659 T1211 T1203"),
            (
                .execution,
                "T1059 T1047 T1053 T1129 T1204 T1559 T1569 T1609 T1610 T1648 T1651 T1027 T1036 T1140 T1197 T1218"
            ),
            (.execution, "T1055 T1070 T1112 T1562 T1564 T1574 T1620 T1105"),
            (.persistence, "T1505 T1098 T1136 T1543 T1546 T1547 T1554 T1137 T1525 T1556 T1078 T1068 T1134 T1548"),
            (.credentials, "T1110 T1003 T1552 T1555 T1557 T1558 T1528 T1539 T1187 T1212 T1606 T1621 T1649 T1078.001"),
            (
                .discovery,
                "T1046 T1016 T1018 T1033 T1049 T1057 T1069 T1082 T1083 T1087 T1135 T1201 T1482 T1526 T1538 T1580"
            ),
            (.discovery, "T1613 T1614 T1615 T1619 T1654"),
            (.lateral, "T1021 T1080 T1210 T1534 T1550 T1563 T1570 T1072"),
            (.collection, "T1005 T1039 T1056 T1074 T1113 T1114 T1119 T1123 T1125 T1185 T1213 T1530 T1560"),
            (.beacon, "T1071 T1573 T1095 T1571 T1008 T1102 T1104 T1132 T1001 T1205 T1219 T1568"),
            (.tunnel, "T1572 T1071.004 T1090 T1090.001 T1090.002 T1090.003 T1090.004"),
            (.exfiltration, "T1041 T1048 T1020 T1029 T1030 T1011 T1052 T1537 T1567"),
            (.impact, "T1485 T1486 T1489 T1490 T1491 T1495 T1496 T1498 T1499 T1529 T1531 T1561 T1565 T1657"),
            (.weakness, "T1040 T1602"),
        ]
        var table: [String: Stage] = [:]
        for (stage, list) in lists {
            for name in list.split(separator: " ") { table[String(name)] = stage }
        }
        return table
    }()

    /// Whether a word, in ASCII, stands in a text. Octets are compared: as characters the text of an alert is the
    /// dearest thing about it.
    private static func contains(_ word: [UInt8], _ text: [UInt8]) -> Bool {
        guard let first = word.first, text.count >= word.count else { return false }
        for start in 0...text.count - word.count where text[start] == first {
            if text[start ..< start + word.count].elementsEqual(word) { return true }
        }
        return false
    }

    /// Words of rules without techniques; the first that is found decides.
    private static let words: [(word: [UInt8], stage: Stage)] = [
        ("exfil", .exfiltration), ("tunnel", .tunnel), ("beacon", .beacon), ("command and control", .beacon),
        ("c2", .beacon), ("brute", .credentials), ("credential", .credentials), ("password spray", .credentials),
        ("lateral", .lateral), ("web shell", .persistence), ("webshell", .persistence), ("port scan", .scan),
        ("portscan", .scan), ("scan", .scan), ("recon", .scan), ("sweep", .scan), ("exploit", .exploit),
        ("web application attack", .exploit), ("injection", .exploit), ("ransom", .impact), ("miner", .impact),
    ].map { (Array($0.utf8), $1) }
}
