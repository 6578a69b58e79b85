// SPDX-License-Identifier: Apache-2.0
//
// What the language has and Weir reads, but does not evaluate. A rule that asks for it loads, is
// counted, and never fires: loading says so once, so that nobody waits for it.
//
// Reads   the draft.
// Writes  nothing.
// Leaves  what is refused (the keywords' own files); what is read and only has no effect (`RuleDraft.idle`).

import Records

extension RuleParser {
    /// The first thing of the rule that is not evaluated; nil where all is.
    var unevaluated: String? {
        if draft.hasFrame { return "frame" }
        for test in draft.packetTests {
            if let what = unevaluated(test) { return what }
        }
        for test in draft.transactionTests {
            guard case .event(let application, let name) = test.element else { continue }
            let event = string(name)
            if EventNames.unraised[application.name.description]?.contains(event) == true {
                return "app-layer-event:\(application.name.description).\(event)"
            }
        }
        return nil
    }

    private func unevaluated(_ test: PacketTest) -> String? {
        switch test {
        case .country where builder.countries == nil: "geoip without signatures.geoip"
        case .elephantFlow: "flow.elephant"
        case .applicationLayerEvent(let name) where !DetectionEvent.knows(builder.text[name.indices]):
            "app-layer-event:\(string(name))"
        case .streamEvent(let name) where !StreamWatch.knows(builder.text[name.indices]):
            "stream-event:\(string(name))"
        case .decoderEvent(let name) where !PacketEvents.known.contains(string(name)): "decode-event:\(string(name))"
        case .decoderEvent where draft.rule.kind != .decoderEvent: "decode-event beside other tests"
        default: nil
        }
    }

    private func string(_ text: TextRange) -> String { String(decoding: builder.text[text.indices], as: UTF8.self) }
}
