// SPDX-License-Identifier: Apache-2.0
// Filter expressions (pcap-filter(7)) for capture files, and libpcap's names of link types.
//
// Reads   an expression; packets.
// Writes  yes or no.
// Leaves  live interfaces, whose filter the kernel runs.

import CPcap

/// libpcap's short name of a data link type, without `DLT_`.
func libpcapName(of dataLink: Int32) -> String? {
    // Safe: libpcap gives a constant string or nil.
    guard let name = unsafe pcap_datalink_val_to_name(dataLink) else { return nil }
    // Safe: the string ends with a zero octet, and is copied.
    return unsafe String(cString: name)
}

/// One expression, compiled once for each link type that occurs.
final class PacketFilter {
    private let expression: String
    private var programs: [UInt16: Program] = [:]
    /// The program of the packet before this one: link types seldom change.
    private var current: Program?
    private var currentLinkType: UInt16 = 0

    /// A compiled program, freed with its object.
    // Safe: libpcap fills the program and frees it; nobody else writes to it.
    @safe private final class Program {
        // Safe: an empty program.
        var code = unsafe bpf_program()

        // Safe: pcap_compile filled `code`, or it is empty.
        deinit { unsafe pcap_freecode(&code) }
    }

    /// - Throws: `filter` with libpcap's sentence when the expression fits no link type at all.
    init(_ expression: String) throws(CaptureError) {
        self.expression = expression
        // An expression may fit some link types only ("ether host"), so it is wrong when it fits none of the usual.
        do {
            try prepare(linkType: 1)
        } catch {
            guard (try? prepare(linkType: 101)) != nil || (try? prepare(linkType: 105)) != nil else { throw error }
        }
    }

    /// Compiles the expression for `linkType`, where that has not been done.
    func prepare(linkType: UInt16) throws(CaptureError) {
        guard programs[linkType] == nil else { return }
        programs[linkType] = try compile(linkType)
    }

    /// - Throws: `filter` when a packet's link type is new and the expression does not fit it.
    func matches(_ bytes: UnsafeRawBufferPointer, _ packet: CapturePacket) throws(CaptureError) -> Bool {
        if current == nil || currentLinkType != packet.linkType {
            try prepare(linkType: packet.linkType)
            current = programs[packet.linkType]
            currentLinkType = packet.linkType
        }
        guard let current else { return false }
        // Safe: libpcap checked the program, and reads no further than the captured length given here.
        let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        return unsafe bpf_filter(current.code.bf_insns, start, packet.wireLength, packet.capturedLength) != 0
    }

    private func compile(_ linkType: UInt16) throws(CaptureError) -> Program {
        let dataLink = CaptureLinkType.libpcapNumber(UInt32(linkType))
        // Safe: a handle without a device; closed below.
        guard let handle = unsafe pcap_open_dead(dataLink, Int32(CaptureLimits.packetByteCountMax)) else {
            throw CaptureError(.filter, "filter", "libpcap is out of memory", advice: "free some memory")
        }
        // Safe: open, and closed once.
        defer { unsafe pcap_close(handle) }
        let program = Program()
        // Safe: `handle` is open, and the expression is copied for the call.
        guard unsafe pcap_compile(handle, &program.code, expression, 1, PCAP_NETMASK_UNKNOWN) == 0 else {
            // Safe: libpcap's sentence ends with a zero octet, and is copied.
            let sentence = unsafe String(cString: pcap_geterr(handle))
            throw CaptureError(
                .filter, "filter '\(expression)'",
                "does not compile for \(CaptureLinkType.name(UInt32(linkType))): \(sentence)",
                advice: "see pcap-filter(7)")
        }
        return program
    }
}

/// A filter expression for packets that no capture of this module delivered.
package final class PacketMatcher {
    private let filter: PacketFilter

    /// - Throws: `filter` with libpcap's sentence when the expression fits no link type at all.
    package init(_ expression: String) throws(CaptureError) { filter = try PacketFilter(expression) }

    /// - Throws: `filter` when a packet's link type is new and the expression does not fit it.
    package func matches(
        _ octets: ArraySlice<UInt8>, linkType: UInt16, wireLength: UInt32
    ) throws(CaptureError) -> Bool {
        let packet = CapturePacket(
            timestampNanoseconds: 0, offset: 0, capturedLength: UInt32(clamping: octets.count), wireLength: wireLength,
            linkType: linkType)
        var result: Result<Bool, CaptureError> = .success(false)
        // Safe: the buffer lives through the closure and has the captured length given.
        unsafe octets.withUnsafeBytes { bytes in
            do throws(CaptureError) {
                result = .success(try unsafe filter.matches(bytes, packet))
            } catch {
                result = .failure(error)
            }
        }
        return try result.get()
    }
}
