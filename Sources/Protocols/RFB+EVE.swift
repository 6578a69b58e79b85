// SPDX-License-Identifier: Apache-2.0
//
// The event `rfb`: one for a session (Suricata 8 user guide, "Event type: RFB").
//
// Reads   the messages of the login and the server's parameters (RFC 6143 section 7).
// Writes  the object `rfb`.
// Leaves  the session itself.

import Records
import Wire

/// What the row does not have of a session.
struct RFBEvent {
    var securityType: UInt64?
    var challenge: [UInt8] = []
    var response: [UInt8] = []
    /// 0 success, 1 failure, 2 too many tries.
    var result: UInt64?
    var reason: [UInt8] = []
    /// The 16 octets of the pixel format.
    var pixels: [UInt8] = []

    func write(_ record: RFBRecord, to event: inout EVEBuilder) {
        event.open("rfb")
        version("server_protocol_version", record.serverMajor, record.serverMinor, record.text, &event)
        version("client_protocol_version", record.clientMajor, record.clientMinor, record.text, &event)
        if securityType != nil || result != nil {
            event.open("authentication")
            event.count("security_type", securityType)
            if !challenge.isEmpty {
                event.open("vnc")
                event.hexadecimal("challenge", challenge.octets)
                if !response.isEmpty { event.hexadecimal("response", response.octets) }
                event.close()
            }
            event.text("security_result", result.map { RFBEvent.resultName($0) })
            event.close()
        }
        if !reason.isEmpty { event.text("server_security_failure_reason", reason[...]) }
        event.boolean("screen_shared", record.isShared)
        if pixels.count == 16 {
            event.open("framebuffer")
            event.count("width", record.width)
            event.count("height", record.height)
            event.text("name", record.desktop, in: record.text)
            writePixels(&event)
            event.close()
        }
        event.close()
    }

    private func version(
        _ key: StaticString, _ major: Text, _ minor: Text, _ text: TextBuffer, _ event: inout EVEBuilder
    ) {
        guard !major.isAbsent else { return }
        event.open(key)
        event.text("major", major, in: text)
        event.text("minor", minor, in: text)
        event.close()
    }

    //  bits, depth, big-endian, true colour, maxima of red, green, blue (two octets each), shifts
    private func writePixels(_ event: inout EVEBuilder) {
        func number(_ place: Int) -> UInt64 { UInt64(pixels[place]) << 8 | UInt64(pixels[place + 1]) }
        event.open("pixel_format")
        event.count("bits_per_pixel", UInt64(pixels[0]))
        event.count("depth", UInt64(pixels[1]))
        event.boolean("big_endian", pixels[2] != 0)
        event.boolean("true_color", pixels[3] != 0)
        event.count("red_max", number(4))
        event.count("green_max", number(6))
        event.count("blue_max", number(8))
        event.count("red_shift", UInt64(pixels[10]))
        event.count("green_shift", UInt64(pixels[11]))
        event.count("blue_shift", UInt64(pixels[12]))
        event.close()
    }

    private static func resultName(_ result: UInt64) -> StaticString {
        switch result {
        case 0: "OK"
        case 1: "FAIL"
        case 2: "TOOMANY"
        default: "UNKNOWN"
        }
    }
}
