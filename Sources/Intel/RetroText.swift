// SPDX-License-Identifier: Apache-2.0
//
// Findings over a store in words and in JSON.
//
// Reads   findings.
// Writes  a sentence, an object.

package import JSON
import Query
import Records

extension RetroFinding {
    /// `10.0.0.5 met domain evil.example 12 times in dns.query, from … to …; known since … (feed, label)`.
    package var sentence: String {
        let who = host.map { "\($0) met" } ?? "there is"
        let times = count == 1 ? "once" : "\(count) times"
        let early = isBeforeKnown ? "before it was known: " : ""
        let what = label.isEmpty ? feed : "\(feed): \(label)"
        let plain = String(String.UnicodeScalarView(what.unicodeScalars.map { $0.value < 0x20 ? "·" : $0 }))
        return "\(early)\(who) \(kind.name) \(value) \(times) in \(places.joined(separator: ", ")), "
            + "from \(first.text) to \(last.text); known since \(known.text) (\(plain))"
            + (prevalence.map { "; \(Int(($0 * 100).rounded())) % of our hosts meet it" } ?? "")
    }

    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("indicator", value)
            json.member("type", kind.name)
            json.member("feed", feed)
            if !label.isEmpty { json.member("label", label) }
            json.member("confidence", confidence)
            if let prevalence { json.member("prevalence", (prevalence * 100).rounded() / 100) }
            json.memberIfAny("host", host)
            json.member("where", places)
            json.member("count", count)
            json.member("first", first.text)
            json.member("last", last.text)
            json.member("known_since", known.text)
            json.member("before_known", isBeforeKnown)
            json.memberIfAny("uid", uid)
        }
    }
}
