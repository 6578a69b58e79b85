// SPDX-License-Identifier: Apache-2.0
//
// Server Message Block, versions 1 (MS-CIFS, MS-SMB) and 2 to 3.1.1 (MS-SMB2), over
// TCP and over the NetBIOS session service (RFC 1002 section 4.3).
//
// Reads   both directions: shares, files and their content, pipes and the DCE RPC on
//         them, logins.
// Writes  `SMBMappingRecord` and `SMBFilesRecord`, paths "smb_mapping", "smb_files"; the
//         rows of DCE RPC, NTLM and Kerberos.
// Leaves  what is encrypted or compressed; the content of directories and attributes.
//
// SMB1.swift and SMB2.swift have the messages, SMB+State.swift what is remembered.

import Records
import Wire

/// The magic of any version, behind the length of the frame.
enum SMBProbe {
    static func message(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount > 4 else { return .needsMore }
        guard bytes.octet(4) == 0xFE || bytes.octet(4) == 0xFF else { return .never }
        return bytes.beginning(with: "SMB", at: 5)
    }
}

/// SMB on one TCP connection.
final class SMB: Analyzer {
    /// What was made of the octets at the head of a message.
    enum Progress {
        /// So many octets are done with; `passing` more are to come that are not held.
        case took(Int, passing: Int)
        case needs(Int)
        /// Not SMB, or damaged: both sides look for the next message that begins a delivery.
        case broken
    }

    /// One direction.
    struct Side {
        var held: [UInt8] = []
        var wanted = 0
        /// Octets of the frame at work that are still to be taken.
        var frame = 0
        /// Octets of the frame that are not held: content of a file, or what nobody reads.
        var passing = 0
        /// The file whose content passes.
        var content: SMBContent?
        /// The next octet that passes is that of a message that begins a delivery.
        var isSynchronised = false
        /// The message before in the same frame, for compounds whose parts belong together.
        var previous: UInt64?
        var previousTree: SMBTree?
        var previousFile: SMBFile?
    }

    /// Octets of one message that are held; of a longer one only its head is read.
    static let messageBytesMax = 1 << 18
    /// Trees and files that are kept for the next connection.
    static let idleMax = 64
    /// Octets of a buffer that is kept for the next connection.
    private static let keptBytesMax = 8192
    /// Deliveries without an error after which it is SMB (Zeek's SMB.cc).
    private static let deliveriesToConfirm = 3

    var sides: [2 of Side] = [Side(), Side()]
    private var deliveries = 0
    var pending: [UInt64: SMBPending] = [:]
    var trees: [UInt32: SMBTree] = [:]
    var files: [UInt64: SMBFile] = [:]
    var recent: [Int: Timestamp] = [:]
    var pipes: [UInt64: DCERPC] = [:]
    var idleTrees: [SMBTree] = []
    var idleFiles: [SMBFile] = []
    let calls = DCERPCCalls()
    let authentication = Authentication()
    /// Exchanges as events and signatures see them.
    var view = SMBView()
    /// What events of the message at work have in common, where it is about a pipe.
    var carrier: [UInt8]?
    /// Frames that were encrypted.
    private(set) var encryptedFrames: UInt64 = 0

    init() { super.init(kind: .smb) }

    // MARK: what arrives

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        var isFine = true
        let held = sides[side].held.count
        if sides[side].isSynchronised, held == 0 {
            let used = feed(bytes, direction, &isFine, &context)
            if isFine { bytes.extracting(used..<bytes.byteCount).append(to: &sides[side].held) }
        } else {
            bytes.append(to: &sides[side].held)
            guard sides[side].isSynchronised || synchronise(side) else { return }
            if sides[side].held.count >= sides[side].wanted { feedHeld(direction, &isFine, &context) }
        }
        guard isFine, sides[side].isSynchronised else { return }
        deliveries &+= 1
        if deliveries == SMB.deliveriesToConfirm { confirm(&context) }
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        guard count > 0 else { return }
        // What is lost of the content of a file is a gap in the file and nothing else.
        if sides[side].isSynchronised, sides[side].held.isEmpty, count <= sides[side].passing {
            sides[side].content?.gap(count, &context)
            return pass(count, side)
        }
        restart(side)
    }

    override func finish(_ context: inout AnalyzerContext) {
        for handle in pipes.keys.sorted() { closePipe(handle, &context) }
        view.finish(&context)
        calls.finish(&context)
        authentication.finish(&context)
    }

    override func writeEVE(tx: UInt64, to event: inout EVEBuilder) {
        view.write(tx: tx, to: &event)
        for pipe in pipes.values { pipe.writeEVE(tx: tx, to: &event) }
    }

    override func reset() {
        super.reset()
        for side in 0..<2 {
            let capacity = sides[side].held.capacity
            restart(side)
            if capacity > SMB.keptBytesMax { sides[side].held = [] }
        }
        pending.removeAll(keepingCapacity: pending.count < 256)
        for (_, tree) in trees where idleTrees.count < SMB.idleMax { idleTrees.append(tree) }
        trees.removeAll(keepingCapacity: trees.count < 256)
        for (_, file) in files where idleFiles.count < SMB.idleMax { idleFiles.append(file) }
        files.removeAll(keepingCapacity: files.count < 256)
        recent.removeAll(keepingCapacity: recent.count < 256)
        pipes.removeAll(keepingCapacity: true)
        calls.reset()
        authentication.reset()
        view.reset()
        carrier = nil
        (deliveries, encryptedFrames) = (0, 0)
    }

    // MARK: frames

    /// Looks for the magic of a message at the beginning of what is held; false where it
    /// is not there, and then nothing is held any more.
    private func synchronise(_ side: Int) -> Bool {
        let held = sides[side].held
        let known: StaticString = "SMB"
        guard held.count > 4 else { return false }
        let isMagic =
            (0xFC...0xFF).contains(held[4])
            && held.octets.matches(known, at: 5, count: min(3, held.count &- 5), anyCase: false)
        guard isMagic else {
            sides[side].held.removeAll(keepingCapacity: true)
            return false
        }
        guard held.count >= 8 else { return false }
        sides[side].isSynchronised = true
        return true
    }

    private func restart(_ side: Int) {
        sides[side].held.removeAll(keepingCapacity: true)
        (sides[side].wanted, sides[side].frame, sides[side].passing) = (0, 0, 0)
        (sides[side].isSynchronised, sides[side].content) = (false, nil)
        forgetPrevious(side)
    }

    private func forgetPrevious(_ side: Int) {
        (sides[side].previous, sides[side].previousTree, sides[side].previousFile) = (nil, nil, nil)
    }

    private func feedHeld(_ direction: Direction, _ isFine: inout Bool, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        // Out of the side while it is read.
        var whole: [UInt8] = []
        swap(&whole, &sides[side].held)
        let used = feed(whole.octets, direction, &isFine, &context)
        if used == whole.count || !isFine {
            whole.removeAll(keepingCapacity: true)
        } else {
            whole.removeSubrange(0..<used)
        }
        swap(&whole, &sides[side].held)
    }

    /// Takes frames and messages off the head; returns the octets that are done with.
    private func feed(
        _ bytes: RawSpan, _ direction: Direction, _ isFine: inout Bool, _ context: inout AnalyzerContext
    ) -> Int {
        let side = Int(direction.rawValue)
        var at = 0
        sides[side].wanted = 0
        while at < bytes.byteCount {
            let left = bytes.byteCount &- at
            if sides[side].passing > 0 {
                let count = min(left, sides[side].passing)
                sides[side].content?.take(bytes.extracting(at ..< at &+ count), &context)
                pass(count, side)
                at &+= count
                continue
            }
            guard sides[side].frame > 0 else {
                guard left >= 4 else { return wait(4, side, at) }
                guard beginFrame(bytes.load(at, as: UInt32.self), side) else {
                    fail(side, &isFine, &context)
                    return bytes.byteCount
                }
                at &+= 4
                continue
            }
            let message = bytes.extracting(at ..< at &+ min(left, sides[side].frame))
            switch self.message(message, direction, &context) {
            case .took(let count, let passing):
                at &+= count
                sides[side].frame &-= count
                sides[side].passing = min(passing, sides[side].frame)
                if sides[side].passing == 0 { sides[side].content = nil }
            case .needs(let count): return wait(count, side, at)
            case .broken:
                fail(side, &isFine, &context)
                return bytes.byteCount
            }
        }
        return at
    }

    private func pass(_ count: Int, _ side: Int) {
        sides[side].passing &-= count
        sides[side].frame &-= count
        if sides[side].passing == 0 { sides[side].content = nil }
    }

    private func wait(_ count: Int, _ side: Int, _ at: Int) -> Int {
        sides[side].wanted = count
        return at
    }

    //  kind | length (3); 0 is a message, 0x81 to 0x85 belong to the NetBIOS session itself
    private func beginFrame(_ word: UInt32, _ side: Int) -> Bool {
        let length = Int(word & 0xFF_FFFF)
        forgetPrevious(side)
        switch word >> 24 {
        case 0: sides[side].frame = length
        case 0x81...0x85: (sides[side].frame, sides[side].passing) = (length, length)
        default: return false
        }
        return true
    }

    private func fail(_ side: Int, _ isFine: inout Bool, _ context: inout AnalyzerContext) {
        isFine = false
        if isConfirmed {
            context.lostMessage(.smb, "smb.malformed_data", from: side == 0 ? .originator : .responder)
        }
        violation(&context)
        restart(side)
    }

    /// A message at the head of `bytes`, which end with the frame or with what has come.
    private func message(
        _ bytes: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext
    ) -> Progress {
        let total = sides[Int(direction.rawValue)].frame
        guard total >= 4 else { return .took(0, passing: total) }
        guard bytes.byteCount >= 4 else { return .needs(4) }
        switch bytes.load(0, as: UInt32.self) {
        case 0xFE53_4D42: return message2(bytes, total, direction, &context)
        case 0xFF53_4D42: return message1(bytes, total, direction, &context)
        case 0xFD53_4D42:
            encryptedFrames &+= 1
            return .took(0, passing: total)
        default: return .took(0, passing: total)
        }
    }
}

extension Timestamp {
    /// A time as Windows counts it: tenths of a microsecond since 1601. It goes through a
    /// double as in Zeek, which makes it two microseconds coarse, so that rows agree.
    init(windows value: UInt64) {
        let seconds = Double(value) / 1e7 - 11_644_473_600
        let whole = seconds.rounded(.down)
        // Beyond 292 years around 1970 there is no timestamp.
        guard whole.magnitude < 9e9 else {
            self.init(nanoseconds: whole < 0 ? .min : .max)
            return
        }
        let microseconds = ((seconds - whole) * 1e6).rounded(.toNearestOrEven)
        self.init(nanoseconds: Int64(whole) &* 1_000_000_000 &+ Int64(microseconds) &* 1000)
    }
}
