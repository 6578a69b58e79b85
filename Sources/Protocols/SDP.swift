// SPDX-License-Identifier: Apache-2.0
//
// Session descriptions (RFC 8866): which media go where, in which form.
//
// Reads   the body of a message of SIP.
// Writes  announcements of the connections of RTP and RTCP.
// Leaves  media of other transports, hosts by name, ports below 1024.

import Records
import Wire

/// What was announced of one payload type.
struct SDPFormat {
    let media: [UInt8]
    let codec: [UInt8]
    /// Ticks in a second; 0 where the description does not say.
    let rate: UInt32
}

/// The media that the calls of one connection have announced.
struct SDPMedia {
    /// Media streams that are remembered; then all are forgotten, for want of an order among calls.
    private static let streamsMax = 64
    private static let formatsMax = 32
    /// Streams of one description that are read.
    private static let streamsOfOneMax = 16
    private static let wordBytesMax = 32
    private static let linesMax = 512

    private struct Stream {
        var address: Address?
        var port: UInt16
        var control: (address: Address?, port: UInt16)?
        var sharesPort = false
        var media: [UInt8]
        var formats: [(type: UInt8, rate: UInt32, codec: [UInt8])] = []
    }

    private var streams: [Stream] = []

    mutating func clear() { streams.removeAll(keepingCapacity: true) }

    /// What is known of a payload type that is sent to an address and port.
    func format(_ type: UInt8, _ address: Address, _ port: UInt16) -> SDPFormat? {
        guard let stream = streams.last(where: { $0.port == port && $0.address == address }) else { return nil }
        let known = stream.formats.first { $0.type == type }
        return SDPFormat(media: stream.media, codec: known?.codec ?? [], rate: known?.rate ?? 0)
    }

    /// Reads the description in a body, which may be one of several parts, and announces what is to come.
    mutating func read(_ body: RawSpan, by analyzer: SIP, _ context: inout AnalyzerContext) {
        var at = 0
        var lines = 0
        while let line = TextLine.next(body, &at) {
            lines &+= 1
            guard lines < SDPMedia.linesMax else { return }
            if body.extracting(line).isText("v=0") { break }
        }
        var session: Address?
        var found: [Stream] = []
        while let range = TextLine.next(body, &at), lines < SDPMedia.linesMax {
            lines &+= 1
            guard range.count >= 2, body.octet(range.lowerBound &+ 1) == 0x3D else { continue }
            let value = body.extracting(range.lowerBound &+ 2 ..< range.upperBound)
            switch body.octet(range.lowerBound) {
            case 0x6D:
                guard found.count < SDPMedia.streamsOfOneMax else { break }
                found.append(SDPMedia.stream(value))
            case 0x63:
                let address = SDPMedia.address(value)
                if found.isEmpty { session = address } else { found[found.count &- 1].address = address }
            case 0x61 where !found.isEmpty: SDPMedia.attribute(value, &found[found.count &- 1])
            default: break
            }
        }
        for var stream in found {
            stream.address = stream.address ?? session
            remember(stream, &context)
            announce(stream, by: analyzer, &context)
        }
    }

    private mutating func remember(_ stream: Stream, _ context: inout AnalyzerContext) {
        guard stream.port > 0, stream.address != nil else { return }
        streams.removeAll { $0.port == stream.port && $0.address == stream.address }
        if streams.count >= SDPMedia.streamsMax {
            context.limits.met(.sources, streams.count)
            streams.removeAll(keepingCapacity: true)
        }
        streams.append(stream)
    }

    private func announce(_ stream: Stream, by analyzer: SIP, _ context: inout AnalyzerContext) {
        guard let address = stream.address else { return }
        expect(address, stream.port, by: analyzer, &context)
        guard !stream.sharesPort, stream.port > 0, stream.port < .max else { return }
        let control = stream.control
        expect(control?.address ?? address, control?.port ?? stream.port &+ 1, by: analyzer, &context)
    }

    /// A port that another protocol has is not taken from it: the description comes from anybody.
    private func expect(_ address: Address, _ port: UInt16, by analyzer: SIP, _ context: inout AnalyzerContext) {
        guard port >= 1024, address != Address(v4: 0), context.selection.isOn("rtp"),
            context.selection.kinds(.udp, port: port).isEmpty
        else { return }
        context.expect(.rtp, .udp, from: nil, to: address, port: port, by: analyzer)
    }

    // MARK: lines

    //  audio 49170/2 RTP/AVP 0 97
    private static func stream(_ value: RawSpan) -> Stream {
        var at = 0
        var stream = Stream(port: 0, media: [])
        guard let media = TextLine.nextWord(value, &at), let port = TextLine.nextWord(value, &at),
            let transport = TextLine.nextWord(value, &at), value.extracting(transport).contains("RTP/")
        else { return stream }
        value.extracting(media).extracting(first: wordBytesMax).append(to: &stream.media)
        stream.port = SDPMedia.port(value.extracting(port))
        while let word = TextLine.nextWord(value, &at), stream.formats.count < formatsMax {
            guard let type = HTTPView.number(value.extracting(word), radix: 10), type < 128 else { continue }
            stream.formats.append((UInt8(type), 0, []))
        }
        return stream
    }

    /// The digits that a port begins with; 0 for none.
    private static func port(_ word: RawSpan) -> UInt16 {
        var end = 0
        while end < word.byteCount, end < 6, HTTPOctets.isDigit(word.octet(end)) { end &+= 1 }
        return HTTPView.number(word.extracting(0..<end), radix: 10).flatMap { UInt16(exactly: $0) } ?? 0
    }

    //  IN IP4 192.0.2.1/127
    private static func address(_ value: RawSpan) -> Address? {
        var at = 0
        guard TextLine.nextWord(value, &at) != nil, TextLine.nextWord(value, &at) != nil,
            let word = TextLine.nextWord(value, &at)
        else { return nil }
        let end = value.firstIndex(of: 0x2F, from: word.lowerBound).map { min($0, word.upperBound) } ?? word.upperBound
        var octets: [UInt8] = []
        value.extracting(word.lowerBound..<end).extracting(first: 64).append(to: &octets)
        return Address(octets: octets[...])
    }

    //  rtpmap:97 iLBC/8000; rtcp:53020 IN IP4 192.0.2.1; rtcp-mux
    private static func attribute(_ value: RawSpan, _ stream: inout Stream) {
        if value.isText("rtcp-mux") {
            stream.sharesPort = true
        } else if value.begins(with: "rtcp:") {
            let rest = value.extracting(5..<value.byteCount)
            var at = 0
            guard let word = TextLine.nextWord(rest, &at) else { return }
            let port = SDPMedia.port(rest.extracting(word))
            if port > 0 { stream.control = (address(rest.extracting(at..<rest.byteCount)), port) }
        } else if value.begins(with: "rtpmap:") {
            var at = 7
            guard let type = TextLine.nextWord(value, &at), let name = TextLine.nextWord(value, &at),
                let number = HTTPView.number(value.extracting(type), radix: 10),
                let place = stream.formats.firstIndex(where: { UInt64($0.type) == number }),
                let slash = value.extracting(0..<name.upperBound).firstIndex(of: 0x2F, from: name.lowerBound)
            else { return }
            var end = slash &+ 1
            while end < name.upperBound, HTTPOctets.isDigit(value.octet(end)) { end &+= 1 }
            let rate = HTTPView.number(value.extracting(slash &+ 1..<end), radix: 10)
            stream.formats[place].rate = rate.flatMap { UInt32(exactly: $0) } ?? 0
            stream.formats[place].codec.removeAll()
            value.extracting(name.lowerBound..<slash).extracting(first: wordBytesMax)
                .append(to: &stream.formats[place].codec)
        }
    }
}
