// SPDX-License-Identifier: Apache-2.0
// One capture, read from beginning to end in blocks.
//
// Reads   a mapped file, or a stream (a pipe, a gzip file, a file system that does not map).
// Writes  packets into the caller's block.
// Leaves  the order of files, filters and counters to `CaptureSource`.

/// What came of asking for a block.
enum ReadOutcome {
    /// The block was filled; it may have no packets, after a signal or a long block without any.
    case block
    /// The capture is read. The warning says where it was damaged, if it was.
    case end(CaptureWarning?)
}

/// What can be known of a capture before it is read.
struct CaptureProbe {
    /// Nil when the capture is cut inside its header.
    var format: CaptureFormat?
    var isGzip: Bool
    /// Nil when the capture has no packets, or when nobody asked.
    var firstPacket: CapturePacket?
}

final class CaptureReader {
    private enum Input {
        case mapped(MappedFile)
        case stream(ByteStream)
    }

    let path: String
    private let isLenient: Bool
    private let input: Input
    private var parser: CaptureParser?
    /// Octets of the (unpacked) capture that were taken so far.
    private var position = 0
    /// Octets of a stream that were read and not taken.
    private var carry: [UInt8] = []
    private var hasStreamEnded = false
    private var wasInterrupted = false
    /// Warnings that did not end the reading; `CaptureSource` takes them.
    var warnings: [CaptureWarning] = []

    /// Reads `descriptor` from its beginning. `byteCount` is nil for what is no regular file.
    init(path: String, descriptor: FileDescriptor, byteCount: Int?, isLenient: Bool) {
        self.path = path
        self.isLenient = isLenient
        if let byteCount, let map = MappedFile(descriptor, byteCount: byteCount), !map.isGzip {
            input = .mapped(map)
        } else {
            input = .stream(ByteStream(descriptor))
        }
    }

    /// Octets taken from the file itself: packed ones, where it is packed.
    var rawPosition: Int {
        switch input {
        case .mapped: position
        case .stream(let stream): stream.rawByteCount
        }
    }

    /// Packets that were left out because nothing here decodes their link type.
    var skippedPackets: Int { parser?.skippedPackets ?? 0 }

    /// Fills `block` with the packets that follow.
    ///
    /// - Throws: `notACapture`, `empty`; `unsupportedLinkType` where not lenient.
    func next(into block: PacketBlock, limit: Int = .max) throws(CaptureError) -> ReadOutcome {
        let outcome: ParseOutcome
        let isWhole: Bool
        switch input {
        case .mapped(let map):
            let size = min(map.byteCount, map.descriptor.byteCount)
            guard position <= size else {
                block.release()
                return .end(warning(position, "the file became shorter while it was read"))
            }
            let end = min(size, position &+ CaptureLimits.mappedByteCountPerBlock)
            isWhole = end == size
            outcome = try parseMapped(map, position..<end, isWhole, block, limit)
        case .stream(let stream):
            outcome = try parseStream(stream, block, limit)
            isWhole = hasStreamEnded
        }
        position &+= outcome.consumed
        takeRefusals()
        if !block.packets.isEmpty || outcome.consumed > 0 || wasInterrupted { return .block }
        switch outcome.stop {
        case .full: return .block
        case .needsMore(let isInsideRecord):
            // A stream's window grows with what is carried; a mapped window holds every possible record.
            return isWhole ? .end(endWarning(outcome.recordOffset, isInsideRecord)) : .block
        case .damaged(let reason):
            return .end(warning(outcome.recordOffset, "\(reason); the packets before it were read"))
        case .unsupported(let linkType):
            guard isLenient else { throw unsupported(linkType) }
            return .end(warning(outcome.recordOffset, Self.skipSentence(linkType)))
        }
    }

    /// Looks at the beginning of a capture; what was looked at is read again by `next`. The first packet is
    /// looked for only where `wantsPacket`, since the peer of a pipe may send none for a long time.
    ///
    /// - Throws: as `next` does.
    func probe(with block: PacketBlock, wantsPacket: Bool) throws(CaptureError) -> CaptureProbe {
        var found = CaptureProbe(format: nil, isGzip: false, firstPacket: nil)
        var seen: [UInt8] = []
        search: while true {
            let before = carry.count
            let outcome = try next(into: block, limit: 1)
            found.format = parser?.format
            found.firstPacket = block.packets.first
            if case .stream(let stream) = input {
                found.isGzip = stream.isGzip
                seen += block.bufferBytes(from: before)
            }
            if case .end = outcome { break search }
            let hasEnough = found.firstPacket != nil || (!wantsPacket && parser != nil)
            if hasEnough || seen.count > Self.peekByteCountMax { break search }
        }
        block.release()
        // Begin again: a mapped file at its start, a stream with all that was read of it.
        position = 0
        parser = nil
        carry = seen
        warnings.removeAll()
        return found
    }

    /// What is kept of a pipe while its first packet is looked for.
    private static let peekByteCountMax = 4 << 20

    private func parseMapped(
        _ map: MappedFile, _ range: Range<Int>, _ isWhole: Bool, _ block: PacketBlock, _ limit: Int
    ) throws(CaptureError) -> ParseOutcome {
        let most = min(limit, CaptureLimits.packetCountPerBlock)
        let outcome = try block.fill(from: map, range) { window, packets throws(CaptureError) in
            try self.parse(window, isWhole, &packets, most)
        }
        block.endMappedRange(at: range.lowerBound &+ outcome.consumed)
        return outcome
    }

    private func parseStream(
        _ stream: ByteStream, _ block: PacketBlock, _ limit: Int
    ) throws(CaptureError) -> ParseOutcome {
        // A record longer than what is carried needs more than the usual amount. Looking for the first packet
        // takes little, since the rest may be unpacked for nothing.
        let usual = limit == 1 ? CaptureLimits.probeByteCount : CaptureLimits.streamByteCountPerBlock
        let fill = stream.fill(block, carry: carry, target: max(usual, carry.count &+ usual / 2))
        hasStreamEnded = fill.hasEnded
        wasInterrupted = fill.wasInterrupted
        let outcome = try block.parseBuffer(fill.byteCount) { window, packets throws(CaptureError) in
            try self.parse(window, fill.hasEnded, &packets, limit)
        }
        block.bufferTail(outcome.consumed..<fill.byteCount, into: &carry)
        return outcome
    }

    /// Begins with the file's header, where that has not been read, and goes on with records.
    private func parse(
        _ window: RawSpan, _ isWhole: Bool, _ packets: inout [CapturePacket], _ limit: Int
    ) throws(CaptureError) -> ParseOutcome {
        var start = 0
        if parser == nil {
            let waiting = ParseOutcome(consumed: 0, recordOffset: 0, stop: .needsMore(isInsideRecord: true))
            guard window.byteCount >= 4 || isWhole else { return waiting }
            guard window.byteCount > 0 else { throw empty() }
            switch CaptureParser.begin(window, isLenient: isLenient) {
            case .foreign(let reason): throw foreign(reason)
            case .needsMore: return waiting
            case .parser(let found, let headerByteCount):
                parser = found
                start = headerByteCount
            }
        }
        let outcome = parser?.parse(window, from: start, at: position, into: &packets, limit: limit)
        return outcome ?? ParseOutcome(consumed: 0, recordOffset: position, stop: .full)
    }

    private func takeRefusals() {
        for refusal in parser?.takeRefusals() ?? [] {
            warnings.append(warning(refusal.offset, Self.skipSentence(refusal.linkType)))
        }
    }
}

// MARK: - What is said to the operator

extension CaptureReader {
    private func warning(_ offset: Int, _ reason: String) -> CaptureWarning {
        CaptureWarning(path: path, offset: offset, reason: reason)
    }

    /// The end of the data: inside a record, or of a gzip file that is not whole, it is worth a warning.
    private func endWarning(_ offset: Int, _ isInsideRecord: Bool) -> CaptureWarning? {
        var damage: String?
        if case .stream(let stream) = input { damage = stream.damage }
        let record = isInsideRecord ? "the capture is cut inside a record" : nil
        let reasons = [damage, record].compactMap { $0 }
        guard !reasons.isEmpty else { return nil }
        return warning(offset, "\(reasons.joined(separator: ", ")); the packets before it were read")
    }

    private static func skipSentence(_ linkType: UInt32) -> String {
        "packets of link type \(CaptureLinkType.name(linkType)) are not decoded and were skipped"
    }

    private func unsupported(_ linkType: UInt32) -> CaptureError {
        CaptureError(
            .unsupportedLinkType, path, "its link type \(CaptureLinkType.name(linkType)) is not supported",
            advice: "leave this file out, or skip such packets with --lenient")
    }

    private func empty() -> CaptureError {
        CaptureError(.empty, path, "it is empty", advice: "check that the capture was written to the end")
    }

    private func foreign(_ reason: String) -> CaptureError {
        CaptureError(
            .notACapture, path, "it is not a capture file: \(reason)", advice: "give pcap or pcapng, plain or gzip")
    }
}
