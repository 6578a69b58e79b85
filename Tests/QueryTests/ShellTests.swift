// SPDX-License-Identifier: Apache-2.0
//
// The line editor of the shell, key by key, and where a statement ends.

import Testing

@testable import Query

@Suite struct `The shell` {
    private func typed(_ keys: String, _ editor: inout LineEditor) -> LineEditor.Action {
        var last = LineEditor.Action.nothing
        for octet in keys.utf8 { last = editor.type(octet) }
        return last
    }

    @Test(arguments: [
        ("abc\u{1B}[D\u{1B}[DX", "aXbc"), ("abc\u{01}X", "Xabc"), ("abc\u{01}\u{05}X", "abcX"), ("ab\u{7F}c", "ac"),
        ("one two\u{17}X", "one X"), ("one two\u{15}X", "X"), ("abc\u{1B}[D\u{1B}[D\u{0B}", "a"),
        ("abc\u{1B}[H\u{1B}[3~", "bc"), ("é✓x\u{1B}[D\u{7F}", "éx"), ("a\u{1B}OHb\u{1B}[Fc", "bac"),
        ("\u{7F}\u{1B}[D\u{1B}[3~", ""), ("a\u{1B}[200~b", "ab"),
    ])
    func `keys edit a line`(_ keys: String, _ wanted: String) {
        var editor = LineEditor()
        _ = typed(keys, &editor)
        #expect(String(editor.text) == wanted)
        #expect(typed("\r", &editor) == .line(wanted))
    }

    @Test func `earlier lines come back`() {
        var editor = LineEditor(history: ["first", "second"])
        _ = typed("new\u{1B}[A", &editor)
        #expect(String(editor.text) == "second")
        _ = typed("\u{1B}[A\u{1B}[A", &editor)
        #expect(String(editor.text) == "first")
        _ = typed("\u{1B}[B\u{1B}[B", &editor)
        #expect(String(editor.text) == "new")
        editor.begin(remembering: "third")
        editor.begin(remembering: "third")
        #expect(editor.history == ["first", "second", "third"] && editor.text.isEmpty)
    }

    @Test func `Tab completes names`() {
        var editor = LineEditor { typed in
            ["conn", "conn_tunnel_parents", "count"].filter { !typed.isEmpty && $0.hasPrefix(typed.lowercased()) }
        }
        #expect(typed("SELECT co\t", &editor) == .choices(["conn", "conn_tunnel_parents", "count"]))
        #expect(typed("u\t", &editor) == .draw && String(editor.text) == "SELECT count ")
        editor.begin()
        #expect(typed("CON\t", &editor) == .draw && String(editor.text) == "conn")
        #expect(typed(" x\t", &editor) == .nothing)
    }

    @Test func `Ctrl-C drops and Ctrl-D ends`() {
        var editor = LineEditor()
        #expect(typed("abc\u{03}", &editor) == .cancel)
        editor.begin()
        #expect(typed("\u{04}", &editor) == .end)
        #expect(typed("ab\u{01}\u{04}", &editor) == .draw && String(editor.text) == "b")
    }

    @Test(arguments: [
        ("SELECT 1;", 8), ("SELECT ';'", nil), ("SELECT ';';", 10), ("-- ;\nSELECT 1;", 13), ("SELECT 'a\n", nil),
        ("/* ; */ SELECT 1;SELECT 2;", 16), ("", nil),
    ] as [(String, Int?)])
    func `a semicolon ends a statement where it is none of a text`(_ text: String, _ end: Int?) {
        #expect(QueryShell.end(of: text) == end)
    }
}
