// SPDX-License-Identifier: Apache-2.0
//
// DCE RPC inside of HTTP (MS-RPCH, version 2): a virtual connection has one connection of HTTP for what the client
// sends (RPC_IN_DATA) and another for what the server sends (RPC_OUT_DATA).
//
// Reads   the bodies of such requests and their responses; the commands that join two of them.
// Writes  nothing itself: DCERPC.swift reads what the bodies carry.
// Leaves  flow control, channels that take over from one another, proxies without the commands.

import Records
import Wire

/// What the channels of one virtual connection share.
final class DCERPCVirtualConnection {
    let calls = DCERPCCalls()
    let authentication = Authentication()
    fileprivate var channelCount = 0
}

/// The virtual connections of one worker, by the cookies that their channels show.
struct DCERPCVirtualConnections {
    /// Of further ones the channels are read each for itself.
    private static let countMax = 4096

    private var entries: [UInt128: DCERPCVirtualConnection] = [:]

    mutating func join(_ cookie: UInt128) -> DCERPCVirtualConnection? {
        if let known = entries[cookie] {
            known.channelCount &+= 1
            return known
        }
        guard entries.count < DCERPCVirtualConnections.countMax else { return nil }
        let new = DCERPCVirtualConnection()
        new.channelCount = 1
        entries[cookie] = new
        return new
    }

    /// The virtual connection, where its last channel is over.
    mutating func leave(_ cookie: UInt128) -> DCERPCVirtualConnection? {
        guard let known = entries[cookie] else { return nil }
        known.channelCount &-= 1
        guard known.channelCount == 0 else { return nil }
        entries[cookie] = nil
        return known
    }
}

/// A channel: the body of a request, and that of its response.
struct DCERPCChannel {
    private let reader: DCERPC

    /// Nil where the method is no channel's.
    init?(_ method: RawSpan, _ context: inout AnalyzerContext) {
        guard method.isText("RPC_IN_DATA") || method.isText("RPC_OUT_DATA"),
            let reader = context.take(.dceRPC) as? DCERPC
        else { return nil }
        self.reader = reader
        reader.isChannel = true
    }

    func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        reader.stream(bytes, from: direction, &context)
    }

    func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        reader.gap(count, from: direction, &context)
    }

    func finish(_ context: inout AnalyzerContext) {
        reader.finish(&context)
        if let cookie = reader.cookie, let last = context.virtualConnections.leave(cookie) {
            last.calls.finish(&context)
            last.authentication.finish(&context)
        }
        context.giveBack(reader)
    }
}

extension DCERPC {
    //  flags (2) | number of commands (2) | type of a command (4), what it has
    /// The first cookie of a message of the channels themselves is that of the virtual connection (section 2.2.4.2).
    static func cookie(_ bytes: RawSpan) -> UInt128? {
        var cursor = Cursor(bytes)
        do throws(WireError) {
            try cursor.skip(DCERPCHeader.byteCount &+ 2)
            let count = try cursor.readLittle(UInt16.self)
            for _ in 0..<min(count, 16) {
                switch try cursor.readLittle(UInt32.self) {
                case 0, 2, 4, 5, 6, 13: try cursor.skip(4)
                case 3: return try cursor.read(UInt128.self)
                case 7, 9, 10: break
                default: return nil
                }
            }
        } catch {
            // A command that is cut says nothing.
        }
        return nil
    }
}
