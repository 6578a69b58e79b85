// SPDX-License-Identifier: Apache-2.0
// Network interfaces through libpcap (on Linux a TPACKET_V3 ring).
//
// Reads   one socket of an interface; several share it by fanout.
// Writes  packets into the caller's block, copied once: the ring's memory goes back to the kernel when the
//         call ends, and a worker keeps a block longer than that.
// Leaves  threads and clocks to the caller, and packets seen before all sockets share the work.

import CPcap
import Glibc

/// How an interface is opened.
package struct LiveOptions: Sendable {
    package var interface: String
    /// Octets kept of each packet.
    package var snapLength = 262_144
    /// Octets of kernel memory for each socket.
    package var bufferByteCount = 32 << 20
    package var isPromiscuous = true
    /// How long a call waits for packets.
    package var timeoutMilliseconds = 200
    package var filter: String?
    /// Sockets that share the interface's packets by address pair.
    package var workers = 1

    package init(interface: String) { self.interface = interface }
}

/// Counts since the interface was opened.
package struct LiveStatistics: Sendable, Equatable {
    /// Packets that came to this socket, dropped ones with them.
    package var received: UInt64 = 0
    /// Packets for which the ring had no room.
    package var dropped: UInt64 = 0
    /// Packets that the interface itself dropped, as far as it says.
    package var interfaceDropped: UInt64 = 0
}

/// One socket on an interface. To be used by one thread at a time.
// Safe: the handle is private, open from `init` to `deinit`, and used here only.
@safe package final class LiveInterface: @unchecked Sendable {
    package let name: String
    /// The link type of all its packets.
    package let linkType: UInt16
    /// What was not as asked for: no promiscuous mode, coarse clocks, another way of spreading.
    package private(set) var warnings: [String]
    private let handle: OpaquePointer
    private let timeoutMilliseconds: Int32
    private let snapLength: Int
    private let unitNanoseconds: Int64
    /// Packets before this moment may have been seen by more sockets than one.
    private var startNanoseconds: Int64 = .min
    private var counted = LiveStatistics()
    private var lastCounts = pcap_stat()

    /// Opens one socket a worker.
    ///
    /// - Throws: `interface` (missing, down, not permitted), `filter`, `unsupportedLinkType`.
    package static func open(_ options: LiveOptions) throws(CaptureError) -> [LiveInterface] {
        Privileges.setNetRaw(true)
        defer { Privileges.setNetRaw(false) }
        var sockets: [LiveInterface] = []
        for _ in 0..<max(1, options.workers) { sockets.append(try LiveInterface(options)) }
        if sockets.count > 1 { try share(sockets) }
        return sockets
    }

    private init(_ options: LiveOptions) throws(CaptureError) {
        name = options.interface
        timeoutMilliseconds = Int32(clamping: options.timeoutMilliseconds)
        snapLength = min(max(options.snapLength, 64), Int(CaptureLimits.packetByteCountMax))
        var message = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        // Safe: libpcap writes at most PCAP_ERRBUF_SIZE octets; the name is copied.
        guard let handle = unsafe pcap_create(options.interface, &message) else {
            throw CaptureError(.interface, options.interface, "cannot be opened", advice: "see `ip link`")
        }
        var warnings: [String] = []
        let opened: (linkType: UInt16, unit: Int64)
        do throws(CaptureError) {
            opened = try unsafe Self.activate(handle, options, snapLength, &warnings)
        } catch {
            // Safe: created above, and not kept.
            unsafe pcap_close(handle)
            throw error
        }
        unsafe self.handle = handle
        self.warnings = warnings
        linkType = opened.linkType
        unitNanoseconds = opened.unit
    }

    // Safe: open until here, closed once.
    deinit { unsafe pcap_close(handle) }

    /// Fills `block` with what has come, waiting for the first packet no longer than the time-out.
    ///
    /// - Returns: false when no packet came in that time, or a signal ended the wait.
    /// - Throws: `interface` when the interface went away.
    package func nextBlock(into block: PacketBlock) throws(CaptureError) -> Bool {
        block.release()
        block.fileIndex = 0
        if try collect(into: block) { return true }
        // libpcap's own wait has no end on a TPACKET_V3 socket without traffic, so the waiting is done here.
        // Safe: `handle` is open; one element is passed, and one is there.
        var question = pollfd(fd: unsafe pcap_fileno(handle), events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&question, 1, timeoutMilliseconds) > 0 else { return false }
        return try collect(into: block)
    }

    /// Counts of the kernel, made whole: its own have 32 bits.
    package func statistics() -> LiveStatistics {
        var now = pcap_stat()
        // Safe: `handle` is open, and `now` is of the type that the call fills.
        guard unsafe pcap_stats(handle, &now) == 0 else { return counted }
        counted.received &+= UInt64(now.ps_recv &- lastCounts.ps_recv)
        counted.dropped &+= UInt64(now.ps_drop &- lastCounts.ps_drop)
        counted.interfaceDropped &+= UInt64(now.ps_ifdrop &- lastCounts.ps_ifdrop)
        lastCounts = now
        return counted
    }
}

// MARK: - Reading

extension LiveInterface {
    /// What libpcap's callback works on.
    // Safe: it stands on the stack of `collect`, and its pointers outlive it.
    @safe private struct Sink {
        var packets: [CapturePacket]
        let target: UnsafeMutableRawBufferPointer
        var used = 0
        let handle: OpaquePointer
        let snapLength: Int
        let unitNanoseconds: Int64
        let startNanoseconds: Int64
        let linkType: UInt16

        mutating func take(_ header: pcap_pkthdr, _ bytes: UnsafeRawPointer) {
            let (seconds, hasOverflowed) = Int64(header.ts.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
            let time: Int64 = hasOverflowed ? .max : seconds &+ Int64(header.ts.tv_usec) &* unitNanoseconds
            guard time >= startNanoseconds else { return }
            // Safe: libpcap lends `caplen` octets at `bytes`; `count` is also at most the room that is left.
            let count = unsafe min(Int(header.caplen), target.count &- used)
            unsafe target.baseAddress?.advanced(by: used).copyMemory(from: bytes, byteCount: count)
            packets.append(
                CapturePacket(
                    timestampNanoseconds: time, offset: used, capturedLength: UInt32(truncatingIfNeeded: count),
                    wireLength: header.len, linkType: linkType))
            used &+= count
            // The next packet must find room; it stays in the ring until the next call.
            // Safe: the handle is open while it dispatches, and pcap_breakloop only sets a flag of it.
            if unsafe target.count &- used < snapLength { unsafe pcap_breakloop(handle) }
        }
    }

    /// Takes what is there without waiting. True when there was something.
    private func collect(into block: PacketBlock) throws(CaptureError) -> Bool {
        // Safe: the block keeps the buffer until its next release; nobody else has the block now.
        let target = unsafe block.reserveBuffer(CaptureLimits.liveByteCountPerBlock)
        var sink = unsafe Sink(
            packets: [], target: target, handle: handle, snapLength: snapLength &+ 64,
            unitNanoseconds: unitNanoseconds, startNanoseconds: startNanoseconds, linkType: linkType)
        swap(&sink.packets, &block.packets)
        var status: Int32 = 1
        while status > 0, target.count &- sink.used >= snapLength &+ 64 {
            let left = CaptureLimits.packetCountPerBlock &- sink.packets.count
            guard left > 0 else { break }
            // Safe: the pointer to `sink` is used by the callback only, which runs during this call.
            status = unsafe withUnsafeMutablePointer(to: &sink) { sink in
                // Safe: the sink stays in its place through the dispatch, which alone uses the address.
                let user = unsafe UnsafeMutableRawPointer(sink).assumingMemoryBound(to: UInt8.self)
                return unsafe pcap_dispatch(handle, Int32(left), Self.callback, user)
            }
        }
        swap(&sink.packets, &block.packets)
        block.adoptBuffer(sink.used)
        // What was collected is delivered first; a lasting error comes back with the next call.
        guard status == PCAP_ERROR, block.packets.isEmpty else { return !block.packets.isEmpty }
        throw CaptureError(
            .interface, name, "reading failed: \(unsafe Self.message(handle))",
            advice: "see whether the interface is up and still there")
    }

    private static let callback: pcap_handler = { user, header, bytes in
        // Safe: `user` is the address of the `Sink` that `collect` passed, and nobody else touches it now.
        guard let user = unsafe user, let header = unsafe header, let bytes = unsafe bytes else { return }
        let sink = unsafe UnsafeMutableRawPointer(user).assumingMemoryBound(to: Sink.self)
        // Safe: libpcap lends header and bytes until this call ends.
        unsafe sink.pointee.take(header.pointee, UnsafeRawPointer(bytes))
    }
}

// MARK: - Opening

extension LiveInterface {
    private static func activate(
        _ handle: OpaquePointer, _ options: LiveOptions, _ snapLength: Int, _ warnings: inout [String]
    ) throws(CaptureError) -> (linkType: UInt16, unit: Int64) {
        // Safe: settings of a handle that is created and not yet active.
        unsafe _ = pcap_set_snaplen(handle, Int32(clamping: snapLength))
        unsafe _ = pcap_set_promisc(handle, options.isPromiscuous ? 1 : 0)
        unsafe _ = pcap_set_timeout(handle, Int32(clamping: max(1, options.timeoutMilliseconds)))
        unsafe _ = pcap_set_buffer_size(handle, Int32(clamping: max(options.bufferByteCount, 1 << 20)))
        let isNano = unsafe pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO) == 0
        if !isNano { warnings.append("\(options.interface): timestamps have microseconds only") }
        // Safe: a created handle.
        let status = unsafe pcap_activate(handle)
        guard status >= 0 else { throw unsafe failure(handle, options.interface, status) }
        if status > 0 { warnings.append("\(options.interface): \(unsafe message(handle))") }
        // Safe: an active handle, here and below.
        let dataLink = unsafe pcap_datalink(handle)
        guard dataLink >= 0, CaptureLinkType.isSupported(UInt32(dataLink)) else {
            throw CaptureError(
                .unsupportedLinkType, options.interface,
                "its link type \(CaptureLinkType.name(UInt32(bitPattern: dataLink))) is not supported",
                advice: "choose another interface")
        }
        if let expression = options.filter { try unsafe setFilter(handle, expression, options.interface) }
        var text = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        // Safe: an active handle; libpcap writes at most PCAP_ERRBUF_SIZE octets.
        guard unsafe pcap_setnonblock(handle, 1, &text) == 0 else {
            throw unsafe failure(handle, options.interface, PCAP_ERROR)
        }
        return (UInt16(truncatingIfNeeded: dataLink), isNano ? 1 : 1000)
    }

    private static func setFilter(
        _ handle: OpaquePointer, _ expression: String, _ interface: String
    ) throws(CaptureError) {
        // Safe: an empty program, filled by pcap_compile and freed below.
        var program = unsafe bpf_program()
        defer { unsafe pcap_freecode(&program) }
        // Safe: an active handle; the expression is copied for the call.
        guard
            unsafe pcap_compile(handle, &program, expression, 1, PCAP_NETMASK_UNKNOWN) == 0,
            unsafe pcap_setfilter(handle, &program) == 0
        else {
            throw CaptureError(
                .filter, "filter '\(expression)'", "\(interface) refuses it: \(unsafe message(handle))",
                advice: "see pcap-filter(7)")
        }
    }

    private static func message(_ handle: OpaquePointer) -> String {
        // Safe: libpcap's sentence ends with a zero octet, and is copied.
        unsafe String(cString: pcap_geterr(handle))
    }

    private static func failure(_ handle: OpaquePointer, _ interface: String, _ status: Int32) -> CaptureError {
        // Safe: libpcap gives a constant sentence for every status, which ends with a zero octet.
        let sentence = unsafe String(cString: pcap_statustostr(status))
        let detail = unsafe message(handle)
        let reason = detail.isEmpty ? sentence : "\(sentence) (\(detail))"
        let advice =
            switch status {
            case PCAP_ERROR_PERM_DENIED, PCAP_ERROR_PROMISC_PERM_DENIED:
                "run as root, or give the program CAP_NET_RAW"
            case PCAP_ERROR_NO_SUCH_DEVICE: "see `ip link` for the interfaces there are"
            case PCAP_ERROR_IFACE_NOT_UP: "`ip link set \(interface) up`"
            default: "see whether the interface is up and still there"
            }
        return CaptureError(.interface, interface, reason, advice: advice)
    }
}

// MARK: - Several sockets on one interface (packet(7), PACKET_FANOUT)

extension LiveInterface {
    private static let packetFanout: Int32 = 18
    private static let packetFanoutData: Int32 = 22
    private static let modeHash: UInt32 = 0
    private static let modeCBPF: UInt32 = 6
    private static let flagUniqueID: UInt32 = 0x2000
    private static let flagDefragment: UInt32 = 0x8000

    /// The kernel's `struct sock_fprog`.
    // Safe: it stands on the stack of `attachFanoutProgram` only.
    @safe private struct SocketProgram {
        var count: UInt16
        var instructions: UnsafePointer<BPFInstruction>?
    }

    /// Joins the sockets in one group which spreads packets by outer address pair.
    private static func share(_ sockets: [LiveInterface]) throws(CaptureError) {
        do throws(CaptureError) {
            try join(sockets, modeCBPF)
            try sockets[0].attachFanoutProgram()
        } catch {
            try join(sockets, modeHash)
            sockets[0].warnings.append(
                "\(sockets[0].name): the kernel refuses to spread packets by address pair (\(error.reason)); "
                    + "it spreads them by flow, so that related flows may come to different workers")
        }
        // Between bind and fanout a socket sees every packet. What came before this moment is left out.
        let now = wallClockNanoseconds()
        for socket in sockets {
            socket.startNanoseconds = now
            _ = socket.statistics()
            socket.counted = LiveStatistics()
        }
    }

    private static func join(_ sockets: [LiveInterface], _ mode: UInt32) throws(CaptureError) {
        // The kernel finds a free number for the first; the others name it.
        var argument = (mode | flagDefragment | flagUniqueID) << 16
        for (index, socket) in sockets.enumerated() {
            try socket.set(packetFanout, &argument, "fanout")
            guard index == 0 else { continue }
            var length = socklen_t(MemoryLayout<UInt32>.size)
            // Safe: an open socket; the value and its length are local and of the size given.
            guard unsafe getsockopt(pcap_fileno(socket.handle), SOL_PACKET, packetFanout, &argument, &length) == 0
            else { throw socket.refusal("fanout") }
        }
    }

    private func attachFanoutProgram() throws(CaptureError) {
        let instructions = FanoutProgram().instructions
        let socket = unsafe pcap_fileno(handle)
        // Safe: the instructions live until the call ends, by which time the kernel has copied them.
        let status = unsafe instructions.withUnsafeBufferPointer { buffer in
            var program = unsafe SocketProgram(
                count: UInt16(clamping: buffer.count), instructions: buffer.baseAddress)
            return unsafe setsockopt(
                socket, SOL_PACKET, Self.packetFanoutData, &program, socklen_t(MemoryLayout<SocketProgram>.size))
        }
        guard status == 0 else { throw refusal("the program") }
    }

    private func set(_ option: Int32, _ value: inout UInt32, _ what: String) throws(CaptureError) {
        // Safe: an open socket; the value is local and of the size given.
        let status = unsafe setsockopt(
            pcap_fileno(handle), SOL_PACKET, option, &value, socklen_t(MemoryLayout<UInt32>.size))
        guard status == 0 else { throw refusal(what) }
    }

    private func refusal(_ what: String) -> CaptureError {
        CaptureError(
            .interface, name, "\(what): \(FileSystem.text(errno))", advice: "use one worker for this interface")
    }

    private static func wallClockNanoseconds() -> Int64 {
        var now = timespec()
        // Safe: `now` is a local variable of the type that the call fills.
        unsafe _ = clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) &* 1_000_000_000 &+ Int64(now.tv_nsec)
    }
}

// MARK: - Privileges

/// What the process may do once its sockets and files are open.
package enum Privileges {
    private static let netRaw: UInt32 = 1 << 13
    private static let version: UInt32 = 0x2008_0522  // _LINUX_CAPABILITY_VERSION_3: two words a set

    /// Becomes `name` for good. CAP_NET_RAW stays permitted to the calling thread, so that it can open an
    /// interface again which went away. To be called by the thread that opens interfaces, after
    /// everything else is open.
    ///
    /// - Throws: `privileges` when there is no such user, the process is not root, or a step fails.
    package static func drop(toUser name: String) throws(CaptureError) {
        // Safe: the entry is read at once, before another call can replace it.
        guard let entry = unsafe getpwnam(name) else {
            throw CaptureError(.privileges, name, "there is no such user", advice: "create it, or name another")
        }
        // Safe: as above.
        let (user, group) = unsafe (entry.pointee.pw_uid, entry.pointee.pw_gid)
        if user != 0 || geteuid() != 0 {
            var groups = [group]
            // Safe: one group is passed, and one is there; glibc changes all threads at once.
            guard
                capture_prctl(PR_SET_KEEPCAPS, 1) == 0, unsafe setgroups(1, &groups) == 0,
                setgid(group) == 0, setuid(user) == 0
            else {
                throw CaptureError(
                    .privileges, name, "the user cannot be changed to (\(FileSystem.text(errno)))",
                    advice: "start as root")
            }
            guard user == 0 || setuid(0) != 0 else {
                throw CaptureError(.privileges, name, "root could be had again", advice: "do not use this system")
            }
            guard keepOnly(permitted: netRaw) else {
                throw CaptureError(
                    .privileges, name, "capabilities cannot be set (\(FileSystem.text(errno)))",
                    advice: "start as root")
            }
        }
        guard capture_prctl(PR_SET_NO_NEW_PRIVS, 1) == 0 else {
            throw CaptureError(
                .privileges, name, "NO_NEW_PRIVS cannot be set (\(FileSystem.text(errno)))", advice: "use Linux")
        }
    }

    /// Raises or lowers CAP_NET_RAW, where it is permitted, of a process that is no longer root.
    static func setNetRaw(_ isEffective: Bool) {
        guard geteuid() != 0 else { return }
        var header = __user_cap_header_struct(version: version, pid: 0)
        var data = [__user_cap_data_struct](repeating: __user_cap_data_struct(), count: 2)
        // Safe: version 3 has two words a set, and two are there.
        guard unsafe capget(&header, &data) == 0, data[0].permitted & netRaw != 0 else { return }
        data[0].effective = isEffective ? data[0].effective | netRaw : data[0].effective & ~netRaw
        // Safe: as above.
        unsafe _ = capset(&header, &data)
    }

    private static func keepOnly(permitted: UInt32) -> Bool {
        var header = __user_cap_header_struct(version: version, pid: 0)
        var data = [__user_cap_data_struct](repeating: __user_cap_data_struct(), count: 2)
        data[0].permitted = permitted
        // Safe: version 3 has two words a set, and two are there.
        return unsafe capset(&header, &data) == 0
    }
}
