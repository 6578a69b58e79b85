// SPDX-License-Identifier: Apache-2.0
//
// What an alert says about whom: its stage, how sure it is, and the entities by which it joins others.
//
// Reads   one alert.
// Writes  facts.
// Leaves  joining (Correlation.swift).

import JSON
package import Records

/// One entity of an alert.
struct AlertEntity: Hashable {
    var kind: String
    var value: String
    var role: IncidentEntity.Role
    /// Whether alerts join by it. Not where too many have it in common: a resolver, `root`.
    var joins: Bool
}

/// Which addresses are ours. Addresses for documentation count as others': they stand for the Internet.
package struct OwnNetworks: Sendable {
    private let networks: [AddressPrefix]

    /// RFC 1918, RFC 6598, link-local and loopback, and their like in IPv6 (RFC 4193, RFC 4291).
    private static let usual = [
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8", "fc00::/7",
        "fe80::/10", "::1",
    ].compactMap { AddressPrefix($0) }

    package init(_ more: [AddressPrefix] = []) { networks = OwnNetworks.usual + more }

    package func contains(_ address: Address) -> Bool { networks.contains { $0.contains(address) } }
}

struct AlertFacts {
    private(set) var stage = Stage.other
    /// What the alert says of itself, 0 to 1; nil where it says nothing.
    private(set) var confidence: Double?
    private(set) var entities: [AlertEntity] = []
    /// From whom and to whom, where the alert names no connection: the first two hosts of its entities.
    private(set) var source: String?
    private(set) var target: String?

    private static let entitiesMax = 32
    private static let kinds: Set<String> = ["host", "peer", "user", "principal", "domain", "file", "record"]
    /// Ports of services that a whole network leans on.
    private static let sharedPorts: Set<Int> = [53, 67, 68, 88, 123, 137, 138, 389, 1900, 5353, 5355]
    private static let sharedUsers: Set<String> = [
        "root", "admin", "administrator", "anonymous", "guest", "system", "user", "test", "-", "",
    ]

    init(_ alert: StoredAlert, own: OwnNetworks) {
        if let address = alert.originator { add(address, own, port: nil) }
        if let address = alert.responder { add(address, own, port: alert.responderPort) }
        for text in alert.entities {
            guard let colon = text.firstIndex(of: ":") else { continue }
            let (kind, value) = (String(text[..<colon]), String(text[text.index(after: colon)...]))
            guard AlertFacts.kinds.contains(kind), !value.isEmpty, value.utf8.count <= 512 else { continue }
            if kind == "host" || kind == "peer" {
                // A peer is an address, or a name where only that is known.
                if let address = Address(value) { add(address, own, port: nil); continue }
                guard kind == "peer" else { continue }
                if source != nil, target == nil { target = value.lowercased() }
            }
            let plain = kind == "principal" || kind == "record" ? value : value.lowercased()
            let joins = kind != "user" || !AlertFacts.sharedUsers.contains(plain)
            add(AlertEntity(kind: kind == "peer" ? "domain" : kind, value: plain, role: .involved, joins: joins))
        }
        let ends = [source, target].compactMap { $0.flatMap { Address($0) } }
        stage = Stage(
            techniques: alert.techniques, rule: alert.rule, title: alert.title, category: alert.category,
            isBetweenOwn: !ends.isEmpty && ends.allSatisfy(own.contains))
        // A tunnel or a beacon through a resolver leads to whoever answers for the domain.
        if stage == .tunnel || stage == .beacon, target == nil {
            target = entities.first { $0.kind == "domain" }?.value
        }
        // What is only unusual is a hint, and no sign of how far an attack has come.
        if stage.isInside, alert.severity >= 3 { stage = .other }
        confidence = AlertFacts.confidence(alert.evidence)
    }

    /// The first address is the source's. From outside it attacks; what our hosts go to is a destination.
    private mutating func add(_ address: Address, _ own: OwnNetworks, port: Int?) {
        let isSource = source == nil
        if isSource { source = address.description } else if target == nil { target = address.description }
        add(address, isOwn: own.contains(address), role: isSource ? .attacker : .destination, port: port)
    }

    private mutating func add(_ address: Address, isOwn: Bool, role: IncidentEntity.Role, port: Int?) {
        guard address != Address(v4: 0), address != Address(high: 0, low: 0) else { return }
        let isShared =
            address.isMulticast || address.isBroadcast
            || isOwn && port.map(AlertFacts.sharedPorts.contains) ?? false
        add(
            AlertEntity(
                kind: "host", value: address.description, role: isOwn ? .target : role, joins: !isShared))
    }

    private mutating func add(_ entity: AlertEntity) {
        guard entities.count < AlertFacts.entitiesMax,
            !entities.contains(where: { $0.kind == entity.kind && $0.value == entity.value })
        else { return }
        entities.append(entity)
    }

    /// `confidence` or `score` of the evidence, as a share or in per cent.
    private static func confidence(_ evidence: String?) -> Double? {
        guard let evidence, evidence.utf8.count <= 64 << 10, let document = try? JSONDocument(evidence) else {
            return nil
        }
        for key in ["confidence", "score"] {
            guard let value = document.root.member(key)?.double, value >= 0 else { continue }
            return value <= 1 ? value : min(value / 100, 1)
        }
        return nil
    }
}
