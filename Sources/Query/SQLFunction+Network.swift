// SPDX-License-Identifier: Apache-2.0
//
// Functions over addresses, connections and domain names.

import Records
import Signatures
import Wire

extension SQLFunction {
    static let networkFunctions: [SQLFunction] = [
        SQLFunction(
            name: "in_cidr", usage: "in_cidr(ip, '10.0.0.0/8')", arguments: 2...2, outcome: .integer,
            body: isInNetwork),
        SQLFunction(name: "is_private", usage: "is_private(ip)", arguments: 1...1, outcome: .integer, body: isPrivate),
        SQLFunction(
            name: "registered_domain", usage: "registered_domain(name)", arguments: 1...1, outcome: .text,
            body: registeredDomain),
        SQLFunction(
            name: "community_id", usage: "community_id(src, dst, sport, dport, proto[, seed])", arguments: 5...6,
            outcome: .text, body: communityID),
    ]

    /// NULL for NULL and for a text that is no address. An IPv4 address is in no IPv6 network.
    private static func isInNetwork(_ values: [SQLValue]) throws(FunctionFailure) -> SQLValue {
        guard let text = values[0].octets, let network = values[1].octets else { return .null }
        guard let prefix = AddressPrefix(String(decoding: network, as: UTF8.self)) else {
            throw FunctionFailure(reason: "in_cidr: '\(String(decoding: network, as: UTF8.self))' is no network")
        }
        guard let address = Address(String(decoding: text, as: UTF8.self)) else { return .null }
        return .integer(prefix.contains(address) ? 1 : 0)
    }

    /// Whether an address lies in a block that is not routed on the Internet, as `local_orig` has it.
    private static func isPrivate(_ values: [SQLValue]) throws(FunctionFailure) -> SQLValue {
        guard let text = values[0].octets, let address = Address(String(decoding: text, as: UTF8.self)) else {
            return .null
        }
        return .integer(AddressPrefix.special.contains { $0.contains(address) } ? 1 : 0)
    }

    /// Most octets of a name as logs have it: each of 255 octets as `\xnn`.
    private static let nameBytesMax = 4 * 255

    /// The public suffix and the label before it, in small letters; NULL for an address, a suffix, and a name with an
    /// empty label. Of a long name, as tunnels have them, the labels at its end are looked at.
    private static func registeredDomain(_ values: [SQLValue]) throws(FunctionFailure) -> SQLValue {
        guard PublicSuffix.isKnown else {
            throw FunctionFailure(
                reason: "registered_domain: the public suffix list is missing (\(PublicSuffix.path)); "
                    + "install the package publicsuffix")
        }
        guard var name = values[0].octets else { return .null }
        if name.last == 0x2E { name.removeLast() }
        guard !name.isEmpty, name.count <= nameBytesMax, name.first != 0x2E else { return .null }
        for index in name.indices {
            if 0x41...0x5A ~= name[index] { name[index] |= 0x20 }
            if name[index] == 0x2E, index > 0, name[index - 1] == 0x2E { return .null }
        }
        guard Address(String(decoding: name, as: UTF8.self)) == nil else { return .null }
        if name.count > 255 {
            let end = name.suffix(255)
            guard let dot = end.firstIndex(of: 0x2E) else { return .null }
            name = Array(end[(dot + 1)...])
        }
        let range = PublicSuffix.domain(name.octets)
        return range.isEmpty ? .null : .text(Array(name[range]))
    }

    /// The Community ID, version 1. `proto` is a name or a number; for ICMP the ports are type and code.
    private static func communityID(_ values: [SQLValue]) throws(FunctionFailure) -> SQLValue {
        guard let source = values[0].octets, let target = values[1].octets,
            let first = Address(String(decoding: source, as: UTF8.self)),
            let second = Address(String(decoding: target, as: UTF8.self)),
            let protocolNumber = protocolNumber(values[4], isV6: !first.isV4)
        else { return .null }
        let transport: Transport
        switch protocolNumber {
        case 6: transport = .tcp
        case 17: transport = .udp
        case 1, 58: transport = .icmp
        default: transport = .unknown
        }
        let ports = values[2...3].map { $0.wholeNumber.flatMap { UInt16(exactly: $0) } }
        guard transport == .unknown || ports.allSatisfy({ $0 != nil }) else { return .null }
        guard let seed = values.count < 6 ? 0 : values[5].wholeNumber.flatMap({ UInt16(exactly: $0) }) else {
            throw FunctionFailure(reason: "community_id: the seed is a number from 0 to 65535")
        }
        let id = ConnectionID(
            originator: first, responder: second, originatorPort: (ports.first ?? 0) ?? 0,
            responderPort: (ports.last ?? 0) ?? 0, transport: transport, protocolNumber: protocolNumber)
        var octets: [UInt8] = []
        CommunityID.write(id: id, seed: seed, to: &octets)
        return .text(octets)
    }

    private static func protocolNumber(_ value: SQLValue, isV6: Bool) -> UInt8? {
        if let number = value.wholeNumber { return UInt8(exactly: number) }
        switch value.octets.map({ String(decoding: $0, as: UTF8.self).lowercased() }) {
        case "tcp": return 6
        case "udp": return 17
        case "icmp": return isV6 ? 58 : 1
        case "icmp6", "ipv6-icmp": return 58
        default: return nil
        }
    }
}
