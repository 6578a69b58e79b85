// SPDX-License-Identifier: Apache-2.0
//
// The events `http` and `fileinfo` of HTTP/1.
//
// Reads   lines, headers and bodies as `HTTPView` cuts them.
// Writes  one `http` when both sides of a transaction are complete, one `fileinfo` for each body.
// Leaves  http.log and files.log, which have other rules; HTTP/2.

import Files
import Records
import Wire

/// A transaction as its event tells of it.
final class HTTPEvent {
    var number: UInt64 = 0
    var text = TextBuffer()
    var hostname = Text.absent
    var port: UInt16?
    var url = Text.absent
    var path = Text.absent
    var method = Text.absent
    var version = Text.absent
    var userAgent = Text.absent
    var referer = Text.absent
    var contentType = Text.absent
    var redirect = Text.absent
    var range = Text.absent
    var status = Text.absent
    /// Octets of the response's body on the wire.
    var length: UInt64 = 0
    var isRequestOver = false
    var isResponseOver = false
    var isWritten = false
    /// The request's body is a form of several parts, which are files of their own.
    var isForm = false
    /// The bodies of request and response.
    var files = [2 of HTTPEventFile](repeating: HTTPEventFile())

    func clear() {
        text.clear()
        (hostname, url, path, method, version) = (.absent, .absent, .absent, .absent, .absent)
        (userAgent, referer, contentType, redirect) = (.absent, .absent, .absent, .absent)
        (range, status, port) = (.absent, .absent, nil)
        (length, isRequestOver, isResponseOver, isWritten, isForm) = (0, false, false, false, false)
        files = [2 of HTTPEventFile](repeating: HTTPEventFile())
    }

    /// Writes the members of the event: the object `http`.
    func write(to event: inout EVEBuilder) {
        event.open("http")
        event.text("hostname", hostname, in: text)
        event.count("http_port", port.map { UInt64($0) })
        event.text("url", url, in: text)
        event.text("http_user_agent", userAgent, in: text)
        event.text("http_content_type", contentType, in: text)
        writeRange(&event)
        event.text("http_refer", referer, in: text)
        event.text("http_method", method, in: text)
        event.text("protocol", version, in: text)
        if !status.isAbsent {
            let octets = Array(text[status])
            if let number = HTTPView.number(octets.octets, radix: 10), 100...999 ~= number {
                event.count("status", number)
                if number > 300, number < 303 { event.text("redirect", redirect, in: text) }
            } else {
                event.text("status_string", status, in: text)
            }
        }
        event.count("length", length)
        event.close()
    }

    /// `bytes 0-67/68` (RFC 9110 section 14.4).
    private func writeRange(_ event: inout EVEBuilder) {
        guard !range.isAbsent else { return }
        event.open("content_range")
        event.text("raw", range, in: text)
        let numbers = HTTPContentRange(Array(text[range]).octets)
        event.count("start", numbers.start)
        event.count("end", numbers.end)
        event.count("size", numbers.size)
        event.close()
    }
}

/// A body as a file.
struct HTTPEventFile {
    var name = Text.absent
    var digests: FileDigests?
    var size: UInt64 = 0
    var hasGap = false
    var isOpen = false
}

/// The numbers of a Content-Range; nil where they are not stated.
struct HTTPContentRange {
    var start: UInt64?
    var end: UInt64?
    var size: UInt64?

    init(_ value: RawSpan) {
        var at = 0
        while at < value.byteCount, !HTTPOctets.isBlank(value.octet(at)) { at &+= 1 }
        while at < value.byteCount, HTTPOctets.isBlank(value.octet(at)) { at &+= 1 }
        guard let slash = value.firstIndex(of: 0x2F, from: at) else { return }
        if let dash = value.extracting(0..<slash).firstIndex(of: 0x2D, from: at) {
            start = HTTPView.number(value.extracting(at..<dash), radix: 10)
            end = HTTPView.number(value.extracting(dash &+ 1..<slash), radix: 10)
        }
        size = HTTPView.number(value.extracting(slash &+ 1..<value.byteCount), radix: 10)
    }
}

extension HTTPView {
    /// Events that are kept after they were written: a file or an alert may still name them.
    private static let keptEventsMax = 16

    private func event(of number: UInt64) -> HTTPEvent? { events.last { $0.number == number } }

    /// The event of a transaction, made when its first side begins.
    private func openEvent(_ number: UInt64, _ context: inout AnalyzerContext) -> HTTPEvent {
        if let known = event(of: number) { return known }
        if events.count >= HTTPView.keptEventsMax, events[0].isWritten { idleEvents.append(events.removeFirst()) }
        if events.count >= HTTPView.pendingMax {
            context.limits.met(.drafts)
            write(events.removeFirst(), &context)
        }
        let new = idleEvents.popLast() ?? HTTPEvent()
        new.clear()
        new.number = number
        events.append(new)
        return new
    }

    // MARK: what the view tells

    func noteRequest(
        _ method: RawSpan, _ target: RawSpan, _ version: RawSpan, _ side: HTTPViewSide,
        _ context: inout AnalyzerContext
    ) {
        guard context.wantsEvents else { return }
        let event = openEvent(side.transaction, &context)
        event.method = event.text.add(method)
        event.url = event.text.add(target)
        if version.byteCount > 0 { event.version = event.text.add(version) }
        let parts = HTTPTarget(target)
        if let path = parts.path {
            let start = event.text.begin()
            HTTPTarget.decode(target.extracting(path), isPath: true, to: &event.text.bytes)
            HTTPTarget.removeDotSegments(&event.text.bytes, from: start)
            event.path = event.text.end(start)
        }
        if let host = parts.host { noteHost(target.extracting(host), event) }
    }

    private func noteHost(_ value: RawSpan, _ event: HTTPEvent) {
        var end = value.byteCount
        // An address of IPv6 stands in brackets, and its colons are no port's.
        let bracket = value.byteCount > 0 && value.octet(0) == 0x5B ? value.firstIndex(of: 0x5D) ?? 0 : 0
        if let colon = value.firstIndex(of: 0x3A, from: bracket) {
            end = colon
            let port = HTTPView.number(value.extracting(colon &+ 1..<value.byteCount), radix: 10)
            event.port = port.flatMap { UInt16(exactly: $0) }
        }
        while end > 0, value.octet(end &- 1) == 0x2E { end &-= 1 }
        let start = event.text.begin()
        for place in 0..<end { event.text.bytes.append(HTTPView.lower(value.octet(place))) }
        event.hostname = event.text.end(start)
    }

    func noteStatus(_ code: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        guard context.wantsEvents else { return }
        let event = openEvent(side.transaction, &context)
        event.status = event.text.add(code)
    }

    func noteHeaders(_ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        guard context.wantsEvents else { return }
        let event = openEvent(side.transaction, &context)
        let all = side.text.bytes
        let octets = all.octets
        for header in side.headers {
            let name = octets.extracting(HTTPView.range(header.name))
            let value = octets.extracting(HTTPView.range(header.value))
            if side.isRequest { noteRequest(name, value, event) } else { noteResponse(name, value, event) }
            if name.isText("content-disposition"), let place = MIMEFileHeader.contentDisposition.place(in: value) {
                event.files[side.isRequest ? 0 : 1].name = event.text.add(value.extracting(place))
            }
        }
    }

    private func noteRequest(_ name: RawSpan, _ value: RawSpan, _ event: HTTPEvent) {
        if name.isText("host"), event.hostname.isAbsent {
            noteHost(value, event)
        } else if name.isText("user-agent") {
            event.userAgent = event.text.add(value)
        } else if name.isText("referer") {
            event.referer = event.text.add(value)
        } else if name.isText("content-type") {
            event.isForm =
                value.byteCount >= 19 && value.matches("multipart/form-data", at: 0, count: 19, anyCase: true)
        }
    }

    private func noteResponse(_ name: RawSpan, _ value: RawSpan, _ event: HTTPEvent) {
        if name.isText("content-type") {
            let end = value.firstIndex(of: 0x3B) ?? value.byteCount
            event.contentType = event.text.add(value.extracting(0..<end))
        } else if name.isText("location") {
            event.redirect = event.text.add(value)
        } else if name.isText("content-range") {
            event.range = event.text.add(value)
        }
    }

    /// Octets of a body as they were sent.
    func noteBody(_ count: Int, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        guard context.wantsEvents, !side.isRequest else { return }
        openEvent(side.transaction, &context).length &+= UInt64(count)
    }

    /// Octets of a body, decoded.
    func noteFile(_ bytes: RawSpan, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        guard context.wantsEvents, bytes.byteCount > 0 else { return }
        let event = openEvent(side.transaction, &context)
        let place = side.isRequest ? 0 : 1
        guard !side.isRequest || !event.isForm else { return }
        if !event.files[place].isOpen {
            event.files[place].digests = FileDigests(context.settings.files.hashes.union(.md5))
        }
        event.files[place].digests?.add(bytes)
        event.files[place].isOpen = true
        event.files[place].size &+= UInt64(bytes.byteCount)
    }

    /// Octets of a body that were lost count as if they had come.
    func noteGap(_ count: UInt64, _ side: HTTPViewSide, _ context: inout AnalyzerContext) {
        guard context.wantsEvents, let event = event(of: side.transaction) else { return }
        let place = side.isRequest ? 0 : 1
        event.files[place].hasGap = true
        guard count > 0 else { return }
        event.files[place].isOpen = true
        event.files[place].size &+= count
    }

    /// A side is over; `isWhole` is false where its end was not seen.
    func noteEnd(_ side: HTTPViewSide, isWhole: Bool, _ context: inout AnalyzerContext) {
        guard context.wantsEvents, let event = event(of: side.transaction) else { return }
        if side.isRequest { event.isRequestOver = true } else { event.isResponseOver = true }
        writeFile(event, side, isWhole: isWhole, &context)
        if event.isRequestOver, event.isResponseOver { write(event, &context) }
    }

    /// The connection is over: what was not complete is written now.
    func finishEvents(_ context: inout AnalyzerContext) {
        for event in events { write(event, &context) }
        idleEvents.append(contentsOf: events.prefix(4))
        events.removeAll(keepingCapacity: true)
    }

    func writeEVE(tx: UInt64, to builder: inout EVEBuilder) { event(of: tx)?.write(to: &builder) }

    func readsForm(_ transaction: UInt64) -> Bool { event(of: transaction)?.isForm == true }

    // MARK: events

    private func write(_ event: HTTPEvent, _ context: inout AnalyzerContext) {
        guard !event.isWritten else { return }
        event.isWritten = true
        context.beginEvent("http", from: .originator, tx: event.number)
        event.write(to: &context.event)
        context.endEvent()
    }

    /// The digests of a body that was seen whole.
    private func writeDigests(_ file: HTTPEventFile, _ context: inout AnalyzerContext) {
        guard let digests = file.digests, !file.hasGap else { return }
        var text = TextBuffer()
        let wanted = context.settings.files.hashes.union(.md5)
        let names: [(FileHashes, StaticString)] = [(.md5, "md5"), (.sha1, "sha1"), (.sha256, "sha256")]
        for (hash, name) in names where wanted.contains(hash) {
            context.event.text(name, digests.write(hash, to: &text), in: text)
        }
    }

    private func writeFile(
        _ event: HTTPEvent, _ side: HTTPViewSide, isWhole: Bool, _ context: inout AnalyzerContext
    ) {
        let place = side.isRequest ? 0 : 1
        let file = event.files[place]
        guard file.isOpen else { return }
        event.files[place].isOpen = false
        context.beginEvent("fileinfo", from: side.direction, application: "http")
        event.write(to: &context.event)
        context.event.open("fileinfo")
        if !file.name.isAbsent {
            context.event.text("filename", file.name, in: event.text)
        } else {
            context.event.text("filename", event.path, in: event.text)
        }
        context.event.boolean("gaps", file.hasGap)
        context.event.text("state", isWhole && !file.hasGap ? "CLOSED" : "TRUNCATED")
        writeDigests(file, &context)
        context.event.boolean("stored", false)
        context.event.count("size", file.size)
        if !side.isRequest, !event.range.isAbsent {
            let numbers = HTTPContentRange(Array(event.text[event.range]).octets)
            if numbers.size != file.size {
                context.event.count("start", numbers.start)
                context.event.count("end", numbers.end)
            }
        }
        context.event.count("tx_id", event.number)
        context.event.close()
        context.endEvent()
    }
}
