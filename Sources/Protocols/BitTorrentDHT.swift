// SPDX-License-Identifier: Apache-2.0
//
// The distributed hash table of BitTorrent (enhancement proposals 5 and 32): who has what, asked of peers.
//
// Reads   one bencoded dictionary per UDP datagram.
// Writes  log "bittorrent_dht": a row for each message; EVE's `bittorrent_dht`.
// Leaves  storing of other data (proposal 44).

package import Records
import Wire

/// One message. Places are offsets into the datagram.
struct DHTMessage {
    enum Kind: Equatable { case query, response, error }

    var kind: Kind?
    var transaction = 0..<0
    var hasTransaction = false
    var version: Range<Int>?
    var method: Range<Int>?
    var node: Range<Int>?
    var target: Range<Int>?
    var infoHash: Range<Int>?
    var token: Range<Int>?
    var port: Int64?
    var impliedPort: Int64?
    var nodes: Range<Int>?
    var nodes6: Range<Int>?
    var peers: [Range<Int>] = []
    var errorCode: Int64?
    var errorText: Range<Int>?
    /// A peer or node list whose octets do not come out even, or a part that is missing.
    var isBroken = false

    /// Peers of one answer that are listed.
    private static let peersMax = 256

    /// Nil where this is no message.
    init?(_ bytes: RawSpan) {
        var cursor = BencodeCursor(0..<bytes.byteCount)
        guard cursor.enter("d", bytes) else { return nil }
        var hasParts = false
        while !cursor.leave(bytes) {
            guard let key = cursor.string(bytes) else { return nil }
            let name = bytes.extracting(key)
            guard read(name, bytes, &cursor, &hasParts) else { return nil }
        }
        guard kind != nil, hasParts else { return nil }
        if !hasTransaction { isBroken = true }
    }

    private mutating func read(
        _ name: RawSpan, _ bytes: RawSpan, _ cursor: inout BencodeCursor, _ hasParts: inout Bool
    ) -> Bool {
        guard name.byteCount == 1 else { return cursor.skip(bytes) }
        switch name.octet(0) {
        case 0x61, 0x72:  // a: arguments, r: return values
            hasParts = true
            return dictionary(bytes, &cursor)
        case 0x65:  // e: error
            hasParts = true
            guard cursor.enter("l", bytes) else { return false }
            errorCode = cursor.number(bytes)
            errorText = cursor.string(bytes)
            guard errorCode != nil, errorText != nil else { return false }
            while !cursor.leave(bytes) {
                guard cursor.skip(bytes) else { return false }
            }
        case 0x71: method = cursor.string(bytes)
        case 0x74:
            guard let place = cursor.string(bytes) else { return false }
            (transaction, hasTransaction) = (place, true)
        case 0x76: version = cursor.string(bytes)
        case 0x79:
            guard let place = cursor.string(bytes), place.count == 1 else { return false }
            switch bytes.octet(place.lowerBound) {
            case 0x71: kind = .query
            case 0x72: kind = .response
            case 0x65: kind = .error
            default: return false
            }
        default: return cursor.skip(bytes)
        }
        return true
    }

    /// The arguments of a query or the values of a response.
    private mutating func dictionary(_ bytes: RawSpan, _ cursor: inout BencodeCursor) -> Bool {
        guard cursor.enter("d", bytes) else { return false }
        while !cursor.leave(bytes) {
            guard let key = cursor.string(bytes) else { return false }
            let name = bytes.extracting(key)
            if name.isText("id") {
                node = cursor.string(bytes)
                guard node != nil else { return false }
            } else if name.isText("target") {
                target = cursor.string(bytes)
            } else if name.isText("info_hash") {
                infoHash = cursor.string(bytes)
            } else if name.isText("token") {
                token = cursor.string(bytes)
            } else if name.isText("port") {
                port = cursor.number(bytes)
            } else if name.isText("implied_port") {
                impliedPort = cursor.number(bytes)
            } else if name.isText("nodes") {
                nodes = cursor.string(bytes)
            } else if name.isText("nodes6") {
                nodes6 = cursor.string(bytes)
            } else if name.isText("values") {
                guard values(bytes, &cursor) else { return false }
            } else if !cursor.skip(bytes) {
                return false
            }
        }
        return true
    }

    private mutating func values(_ bytes: RawSpan, _ cursor: inout BencodeCursor) -> Bool {
        guard cursor.enter("l", bytes) else { return false }
        while !cursor.leave(bytes) {
            guard let peer = cursor.string(bytes) else { return false }
            if peer.count != 6, peer.count != 18 {
                isBroken = true
            } else if peers.count < DHTMessage.peersMax {
                peers.append(peer)
            }
        }
        return true
    }

    /// An address and port out of a compact form at `place`; `isWide` for IPv6.
    static func endpoint(_ bytes: RawSpan, at place: Int, isWide: Bool) -> (address: Address, port: UInt16) {
        guard isWide else { return (Address(v4: bytes.load(place)), bytes.load(place &+ 4)) }
        return (Address(high: bytes.load(place), low: bytes.load(place &+ 8)), bytes.load(place &+ 16))
    }
}

/// One message of the table.
package struct BitTorrentDHTRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var isOriginator: Bool?
    package var kind: StaticString?
    package var transaction = Text.absent
    package var method = Text.absent
    package var node = Text.absent
    package var target = Text.absent
    package var infoHash = Text.absent
    package var port: UInt64?
    package var nodeCount: UInt64?
    package var peerCount: UInt64?
    package var errorCode: Int64?
    package var errorText = Text.absent
    package var client = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.bittorrentDHT
    package static let summary: StaticString = "One message of BitTorrent's distributed hash table."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.boolean("is_orig", isOriginator, "Whether the originator sent it.")
        row.text("msg_type", kind, "`query`, `response` or `error`.")
        row.text("trans_id", transaction, in: text, "What joins question and answer, hexadecimal.")
        row.text("method", method, in: text, "What is asked: `ping`, `find_node`, `get_peers`, `announce_peer`.")
        row.text("node_id", node, in: text, "Identity of the sender, hexadecimal.", isKey: true)
        row.text("target", target, in: text, "The node that is looked for.")
        row.text("info_hash", infoHash, in: text, "The content that is looked for or announced.", isKey: true)
        row.count("port", port, "The port that is announced.")
        row.count("nodes", nodeCount, "Nodes in an answer.")
        row.count("peers", peerCount, "Peers in an answer.")
        row.integer("error_code", errorCode, "Number of an error.")
        row.text("error_msg", errorText, in: text, "Text of an error.")
        row.text("client", client, in: text, "The sender's program and version.")
    }
}

/// The table's messages on one connection.
final class BitTorrentDHT: Analyzer {
    private var record = BitTorrentDHTRecord()

    init() { super.init(kind: .bittorrentDHT) }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard let message = DHTMessage(bytes) else {
            let transaction = context.beginTransaction(.bittorrentDHT)
            context.transactionEvent("bittorrent_dht.malformed_packet", tx: transaction, from: direction)
            context.transactionDone(tx: transaction, from: direction)
            return violation(&context)
        }
        confirm(&context)
        write(message, bytes, direction, &context)
        let transaction = context.beginTransaction(.bittorrentDHT)
        if message.isBroken {
            context.transactionEvent("bittorrent_dht.malformed_packet", tx: transaction, from: direction)
        }
        context.transactionDone(tx: transaction, from: direction)
        guard context.wantsEvents else { return }
        context.beginEvent("bittorrent_dht", from: direction, application: "bittorrent-dht")
        BitTorrentDHT.writeObject(message, bytes, to: &context.event)
        context.endEvent()
    }

    private func write(
        _ message: DHTMessage, _ bytes: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext
    ) {
        record.text.clear()
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        record.isOriginator = direction == .originator
        record.kind = message.kind == .query ? "query" : message.kind == .response ? "response" : "error"
        record.transaction = hexadecimal(message.transaction, bytes)
        record.method = message.method.map { record.text.add(bytes.extracting($0), limit: 64) } ?? .absent
        record.node = hexadecimal(message.node, bytes)
        record.target = hexadecimal(message.target, bytes)
        record.infoHash = hexadecimal(message.infoHash, bytes)
        record.port = message.port.flatMap { UInt64(exactly: $0) }
        let nodes = (message.nodes?.count ?? 0) / 26 &+ (message.nodes6?.count ?? 0) / 38
        record.nodeCount = message.kind == .response ? UInt64(nodes) : nil
        record.peerCount = message.kind == .response ? UInt64(message.peers.count) : nil
        record.errorCode = message.errorCode
        record.errorText = message.errorText.map { record.text.add(bytes.extracting($0), limit: 256) } ?? .absent
        record.client = client(message.version, bytes)
        context.output.emit(record)
    }

    private func hexadecimal(_ place: Range<Int>?, _ bytes: RawSpan) -> Text {
        guard let place else { return .absent }
        let start = record.text.begin()
        let end = min(place.upperBound, place.lowerBound &+ 64)
        record.text.append(hexadecimal: bytes.extracting(place.lowerBound..<end))
        return record.text.end(start)
    }

    /// Two letters of the program and two octets of its version: `LT0102`.
    private func client(_ place: Range<Int>?, _ bytes: RawSpan) -> Text {
        guard let place, place.count == 4 else { return .absent }
        let start = record.text.begin()
        _ = record.text.add(bytes.extracting(place.lowerBound ..< place.lowerBound &+ 2))
        record.text.append(hexadecimal: bytes.extracting(place.lowerBound &+ 2 ..< place.upperBound))
        return record.text.end(start)
    }

    // MARK: the event

    private static func writeObject(_ message: DHTMessage, _ bytes: RawSpan, to event: inout EVEBuilder) {
        event.open("bittorrent_dht")
        event.hexadecimal("transaction_id", bytes.extracting(message.transaction))
        if let version = message.version { event.hexadecimal("client_version", bytes.extracting(version)) }
        switch message.kind {
        case .query:
            if let method = message.method { event.text("request_type", bytes.extracting(method)) }
            event.open("request")
            writeParts(message, bytes, to: &event)
            event.close()
        case .response:
            event.open("response")
            writeParts(message, bytes, to: &event)
            event.close()
        case .error:
            event.open("error")
            event.integer("num", message.errorCode)
            if let text = message.errorText { event.text("msg", bytes.extracting(text)) }
            event.close()
        case nil: break
        }
        event.close()
    }

    private static func writeParts(_ message: DHTMessage, _ bytes: RawSpan, to event: inout EVEBuilder) {
        if let node = message.node { event.hexadecimal("id", bytes.extracting(node)) }
        if let target = message.target { event.hexadecimal("target", bytes.extracting(target)) }
        if let hash = message.infoHash { event.hexadecimal("info_hash", bytes.extracting(hash)) }
        writeNodes("nodes", message.nodes, isWide: false, bytes, to: &event)
        writeNodes("nodes6", message.nodes6, isWide: true, bytes, to: &event)
        if !message.peers.isEmpty {
            event.openList("values")
            for peer in message.peers {
                event.openItem()
                write(DHTMessage.endpoint(bytes, at: peer.lowerBound, isWide: peer.count == 18), to: &event)
                event.closeItem()
            }
            event.closeList()
        }
        if let token = message.token { event.hexadecimal("token", bytes.extracting(token)) }
        event.integer("implied_port", message.impliedPort)
        event.integer("port", message.port)
    }

    /// Nodes: an identity of 20 octets and an endpoint each.
    private static func writeNodes(
        _ key: StaticString, _ place: Range<Int>?, isWide: Bool, _ bytes: RawSpan, to event: inout EVEBuilder
    ) {
        let size = isWide ? 38 : 26
        guard let place, place.count >= size else { return }
        event.openList(key)
        var at = place.lowerBound
        while at &+ size <= place.upperBound {
            event.openItem()
            event.hexadecimal("id", bytes.extracting(at ..< at &+ 20))
            write(DHTMessage.endpoint(bytes, at: at &+ 20, isWide: isWide), to: &event)
            event.closeItem()
            at &+= size
        }
        event.closeList()
    }

    private static func write(_ endpoint: (address: Address, port: UInt16), to event: inout EVEBuilder) {
        event.address("ip", endpoint.address)
        event.count("port", UInt64(endpoint.port))
    }
}

enum DHTProbe {
    /// A dictionary that begins as those of the table do.
    static func message(_ bytes: RawSpan) -> ProbeVerdict {
        let starts: [StaticString] = ["d1:ad", "d1:rd", "d1:el", "d2:ip"]
        guard bytes.byteCount > 16, bytes.octet(bytes.byteCount &- 1) == 0x65 else { return .never }
        return starts.contains { bytes.begins(with: $0) } ? .matches : .never
    }
}
