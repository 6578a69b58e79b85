// SPDX-License-Identifier: Apache-2.0
//
// Dynamic Host Configuration Protocol for IPv4 (RFC 2131, options RFC 2132,
// client name RFC 4702, relay agents RFC 3046).
//
// Reads   one message per UDP datagram.
// Writes  log "dhcp": one row for the messages of a transaction (DHCP+Join.swift).
// Leaves  BOOTP without DHCP's options; options that no column shows; DHCPv6.

package import Records
import Wire

/// The fixed part of a message, and of its options those that columns show.
struct DHCPMessage {
    static let byteCount = 240
    private static let cookie: UInt32 = 0x6382_5363

    let transactionID: UInt32
    let yourAddress: UInt32
    /// 53; 0 where there is none.
    var type: UInt8 = 0
    var requestedAddress: UInt32?
    /// Seconds.
    var leaseTime: UInt32?
    // Places in the datagram.
    var hostName: Range<Int>?
    var domain: Range<Int>?
    var message: Range<Int>?
    /// The client's vendor class.
    var vendor: Range<Int>?
    var clientID: Range<Int>?
    var clientName: Range<Int>?
    /// What the relay adds of the client (RFC 3046, RFC 3993).
    var circuit: Range<Int>?
    var remote: Range<Int>?
    var subscriber: Range<Int>?
    static let hardwareAddress = 28..<44

    /// What is wrong with a datagram that is no message.
    enum Failure: Error {
        case cut
        case notDHCP
    }

    //  |      op       |     htype     |     hlen      |     hops      |
    //  |                       transaction id                          |
    //  |            seconds            |            flags              |
    //  |  client, your, server, relay's address: 32 bits each          |
    //  |  hardware address: 16 octets; server name: 64; file: 128      |
    //  |                  cookie 63 82 53 63, then options             |
    init(_ bytes: RawSpan) throws(Failure) {
        guard bytes.byteCount >= DHCPMessage.byteCount else { throw .cut }
        guard bytes.load(236, as: UInt32.self) == DHCPMessage.cookie else { throw .notDHCP }
        transactionID = bytes.load(4)
        yourAddress = bytes.load(16)
        var offset = DHCPMessage.byteCount
        while offset < bytes.byteCount {
            let code = bytes.octet(offset)
            offset &+= 1
            if code == 0 { continue }
            if code == 255 { return }
            guard offset < bytes.byteCount else { throw .cut }
            let start = offset &+ 1
            let end = start &+ Int(bytes.octet(offset))
            guard end <= bytes.byteCount else { throw .cut }
            take(code, start..<end, bytes)
            offset = end
        }
        // The list ends with option 255.
        throw .cut
    }

    private mutating func take(_ code: UInt8, _ place: Range<Int>, _ bytes: RawSpan) {
        switch code {
        case 12: hostName = place
        case 15: domain = place
        case 50 where place.count >= 4: requestedAddress = bytes.load(place.lowerBound)
        case 51 where place.count >= 4: leaseTime = bytes.load(place.lowerBound)
        case 53 where place.count >= 1 && type == 0: type = bytes.octet(place.lowerBound)
        case 56: message = place
        case 60: vendor = place
        case 61 where place.count >= 1: clientID = place
        // Three octets of flags and codes before the name.
        case 81 where place.count >= 3: clientName = place.lowerBound &+ 3 ..< place.upperBound
        case 82: takeRelay(place, bytes)
        default: break
        }
    }

    //  code | length | value, one after the other
    private mutating func takeRelay(_ place: Range<Int>, _ bytes: RawSpan) {
        var at = place.lowerBound
        while place.upperBound &- at >= 2 {
            let end = at &+ 2 &+ Int(bytes.octet(at &+ 1))
            guard end <= place.upperBound else { return }
            switch bytes.octet(at) {
            case 1: circuit = at &+ 2..<end
            case 2: remote = at &+ 2..<end
            case 6: subscriber = at &+ 2..<end
            default: break
            }
            at = end
        }
    }

    /// Names of option 53 (RFC 2132, 3203, 4388, 6926, 7724).
    static func typeName(_ type: UInt8) -> StaticString? {
        switch type {
        case 1: "DISCOVER"
        case 2: "OFFER"
        case 3: "REQUEST"
        case 4: "DECLINE"
        case 5: "ACK"
        case 6: "NAK"
        case 7: "RELEASE"
        case 8: "INFORM"
        case 9: "FORCERENEW"
        case 10: "LEASEQUERY"
        case 11: "LEASEUNASSIGNED"
        case 12: "LEASEUNKNOWN"
        case 13: "LEASEACTIVE"
        case 14: "BULKLEASEQUERY"
        case 15: "LEASEQUERYDONE"
        case 16: "ACTIVELEASEQUERY"
        case 17: "LEASEQUERYSTATUS"
        case 18: "TLS"
        default: nil
        }
    }
}

/// The messages of one transaction.
package struct DHCPRecord: LogRecord {
    package var ts = Timestamp.zero
    /// Time of the last message.
    package var last = Timestamp.zero
    package var uids: [UInt64] = []
    package var clientAddress: Address?
    package var serverAddress: Address?
    package var mac = Text.absent
    package var hostName = Text.absent
    package var clientName = Text.absent
    package var domain = Text.absent
    package var requestedAddress: Address?
    package var assignedAddress: Address?
    /// Nanoseconds.
    package var leaseTime: Int64?
    package var clientMessage = Text.absent
    package var serverMessage = Text.absent
    package var types: [Text] = []
    /// Who sent each of the messages.
    package var senders: [Address] = []
    package var clientSoftware = Text.absent
    package var serverSoftware = Text.absent
    package var circuit = Text.absent
    package var remote = Text.absent
    package var subscriber = Text.absent
    package var text = TextBuffer()
    /// The hardware address in the client's messages, for want of a better.
    var hardwareAddress = Text.absent

    package init() {}

    package static let log = LogID.dhcp
    package static let summary: StaticString = "One DHCP transaction: messages of one id, over all connections."

    package func write(to row: inout RowBatch) {
        row.time("ts", ts, "When the first message was seen.")
        row.uidSet("uids", uids, "Connections that the messages came over.")
        row.address("client_addr", clientAddress, "Address of the client, as it sends or as it was given.")
        row.address("server_addr", serverAddress, "Address of the server that gave an address.")
        row.text("mac", mac, in: text, "Hardware address of the client.", isKey: true)
        row.text("host_name", hostName, in: text, "Name that the client gives itself.", isKey: true)
        row.text("client_fqdn", clientName, in: text, "Full name that the client gives itself.")
        row.text("domain", domain, in: text, "Domain that the server gave.")
        row.address("requested_addr", requestedAddress, "Address that the client asked for.")
        row.address("assigned_addr", assignedAddress, "Address that the server gave.")
        row.interval("lease_time", leaseTime, "How long the client may use the address.")
        row.text("client_message", clientMessage, in: text, "Text of the client, such as why it declines.")
        row.text("server_message", serverMessage, in: text, "Text of the server, such as why it refuses.")
        row.textVector("msg_types", types, in: text, "Types of the messages, in order.")
        row.interval("duration", last.since(ts), "Time from the first message to the last.")
        row.addressVector("msg_orig", senders, "Who sent these messages.")
        row.text("client_software", clientSoftware, in: text, "Vendor class of the client (option 60).")
        row.text("server_software", serverSoftware, in: text, "Vendor class of the server.")
        row.text("circuit_id", circuit, in: text, "Line that the relay has the client on (option 82).", isKey: true)
        row.text("agent_remote_id", remote, in: text, "What the relay calls the client's end of that line.")
        row.text("subscriber_id", subscriber, in: text, "Who the client belongs to, by the relay.")
    }

    mutating func begin(at time: Timestamp) {
        ts = time
        last = time
    }

    /// Takes over one message.
    mutating func add(
        _ message: DHCPMessage, _ bytes: RawSpan, from direction: Direction, _ id: ConnectionID, _ uid: UID
    ) {
        if !uids.contains(uid.value) { uids.append(uid.value) }
        types.append(typeText(message.type))
        senders.append(direction == .originator ? id.originator : id.responder)
        if let place = message.circuit { text.replace(&circuit, with: bytes.extracting(place)) }
        if let place = message.remote { text.replace(&remote, with: bytes.extracting(place)) }
        if let place = message.subscriber { text.replace(&subscriber, with: bytes.extracting(place)) }
        // A server that answers to everybody is the originator too.
        let isClient = direction == .originator
            && (id.originator == Address(v4: 0) || id.originatorPort == 68 || id.responderPort == 67)
        if isClient {
            addRequest(message, bytes, id)
        } else {
            addReply(message, bytes, from: direction, id)
        }
    }

    private mutating func addRequest(_ message: DHCPMessage, _ bytes: RawSpan, _ id: ConnectionID) {
        if let place = message.message { text.replace(&clientMessage, with: bytes.extracting(place)) }
        if id.originator != Address(v4: 0), !id.originator.isBroadcast { clientAddress = id.originator }
        if let place = message.vendor { text.replace(&clientSoftware, with: bytes.extracting(place)) }
        if let place = message.hostName { text.replace(&hostName, with: bytes.extracting(place)) }
        if let place = message.clientName { text.replace(&clientName, with: bytes.extracting(place)) }
        // Hardware type 1 is Ethernet.
        if let place = message.clientID, bytes.octet(place.lowerBound) == 1 {
            mac = macText(bytes.extracting(place.lowerBound &+ 1 ..< place.upperBound))
        } else {
            hardwareAddress = macText(bytes.extracting(DHCPMessage.hardwareAddress))
        }
        if let address = message.requestedAddress { requestedAddress = Address(v4: address) }
    }

    private mutating func addReply(
        _ message: DHCPMessage, _ bytes: RawSpan, from direction: Direction, _ id: ConnectionID
    ) {
        if let place = message.message { text.replace(&serverMessage, with: bytes.extracting(place)) }
        if let place = message.vendor { text.replace(&serverSoftware, with: bytes.extracting(place)) }
        if message.yourAddress != 0 {
            serverAddress = direction == .originator ? id.originator : id.responder
            assignedAddress = Address(v4: message.yourAddress)
        }
        if mac.isAbsent { mac = macText(bytes.extracting(DHCPMessage.hardwareAddress)) }
        if clientAddress == nil { clientAddress = assignedAddress }
        if let place = message.domain {
            // Trailing NULs go; and, as in the field's logs, a name of one octet is none.
            var end = place.upperBound
            while end > place.lowerBound, bytes.octet(end &- 1) == 0 { end &-= 1 }
            if end &- place.lowerBound < 2 { end = place.lowerBound }
            text.replace(&domain, with: bytes.extracting(place.lowerBound..<end))
        }
        if let seconds = message.leaseTime { leaseTime = Int64(seconds) &* second }
    }

    private mutating func typeText(_ type: UInt8) -> Text {
        if let name = DHCPMessage.typeName(type) { return text.add(name) }
        let start = text.begin()
        text.append("unknown-message-type-")
        text.append(decimal: UInt64(type))
        return text.end(start)
    }

    /// Six octets with colons, or eight where octets 6 and 7 are not zero; empty where there are too few.
    private mutating func macText(_ octets: RawSpan) -> Text {
        let start = text.begin()
        var count = 0
        if octets.byteCount == 6 {
            count = 6
        } else if octets.byteCount >= 8 {
            count = octets.octet(6) | octets.octet(7) == 0 ? 6 : 8
        }
        for index in 0..<count {
            if index > 0 { text.bytes.append(0x3A) }
            text.append(hexadecimal: octets.extracting(index ..< index &+ 1))
        }
        return text.end(start)
    }

    mutating func clear() {
        uids.removeAll(keepingCapacity: true)
        clientAddress = nil
        serverAddress = nil
        mac = .absent
        hostName = .absent
        clientName = .absent
        domain = .absent
        requestedAddress = nil
        assignedAddress = nil
        leaseTime = nil
        clientMessage = .absent
        serverMessage = .absent
        types.removeAll(keepingCapacity: true)
        senders.removeAll(keepingCapacity: true)
        (clientSoftware, serverSoftware, circuit, remote, subscriber) = (.absent, .absent, .absent, .absent, .absent)
        hardwareAddress = .absent
        text.clear()
    }
}

extension TextBuffer {
    /// Puts `octets` in the place of a text, in the same memory where they fit.
    fileprivate mutating func replace(_ column: inout Text, with octets: RawSpan) {
        guard !column.isAbsent, octets.byteCount <= Int(column.count) else { return column = add(octets) }
        let from = Int(column.offset)
        for index in 0..<octets.byteCount { bytes[from &+ index] = octets.octet(index) }
        column.count = UInt32(truncatingIfNeeded: octets.byteCount)
    }
}

/// DHCP on one connection.
final class DHCP: Analyzer {
    static let source: StaticString = "DHCP"

    init() { super.init(kind: .dhcp) }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard let message = try? DHCPMessage(bytes), message.type != 0 else {
            DHCP.showBroken(bytes, from: direction, &context)
            return violation(&context)
        }
        confirm(&context)
        DHCP.show(bytes, from: direction, &context)
        if direction == .originator, let place = message.vendor {
            // A client without an address asks for the one that it had.
            let own = context.id.originator
            let host = own == Address(v4: 0) ? message.requestedAddress.map { Address(v4: $0) } : own
            if let host { context.software(.dhcpClient, bytes.extracting(place), of: host) }
        }
        let isTaken = context.dhcp.add(
            message, bytes, from: direction, context.id, context.uid, at: context.now,
            limit: context.settings.dhcpTransactionsMax, &context.output)
        if !isTaken {
            context.weird(.DHCP_max_tracked_transactions_exceeded, source: DHCP.source)
        }
    }
}

/// DHCP on any port: its cookie at octet 236 (Zeek's base/protocols/dhcp/dpd.sig).
enum DHCPProbe {
    static func message(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount >= DHCPMessage.byteCount else { return .needsMore }
        return bytes.load(236, as: UInt32.self) == 0x6382_5363 ? .matches : .never
    }
}
