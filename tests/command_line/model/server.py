"""A model server for tests: answers each agent's own protocol with one tool call, then with a word.

It runs on the sandbox's loopback. The agents are the real programs; only the model is played.
"""
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMAND = "echo made by $0 > made.txt"


def anthropic(body):
    yield "message_start", {"message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": body.get("model", "m"), "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}}
    done = any(isinstance(m.get("content"), list) and any(p.get("type") == "tool_result" for p in m["content"])
               for m in body["messages"])
    tools = [tool["name"] for tool in body.get("tools", [])]
    if done or "Bash" not in tools:
        yield "content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}
        yield "content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": "Finished."}}
        reason = "end_turn"
    else:
        yield "content_block_start", {"index": 0, "content_block": {
            "type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {}}}
        yield "content_block_delta", {"index": 0, "delta": {
            "type": "input_json_delta",
            "partial_json": json.dumps({"command": COMMAND, "description": "Make a file"})}}
        reason = "tool_use"
    yield "content_block_stop", {"index": 0}
    yield "message_delta", {"delta": {"stop_reason": reason, "stop_sequence": None}, "usage": {"output_tokens": 2}}
    yield "message_stop", {}


def responses(body):
    done = any(item.get("type") in ("function_call_output", "custom_tool_call_output") for item in body["input"])
    if done:
        item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "Finished.", "annotations": []}]}
    else:
        item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "exec_command",
                "status": "completed", "arguments": json.dumps({"cmd": COMMAND})}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2,
             "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    response = {"id": "resp_1", "object": "response", "status": "in_progress", "output": []}
    yield "response.created", {"response": response}
    yield "response.output_item.added", {"output_index": 0, "item": item}
    yield "response.output_item.done", {"output_index": 0, "item": item}
    yield "response.completed", {"response": {**response, "status": "completed", "output": [item], "usage": usage}}


def chat(body):
    done = any(message["role"] == "tool" for message in body["messages"])
    base = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": body.get("model", "m")}
    tools = [tool["function"]["name"] for tool in body.get("tools", [])]
    if done or "bash" not in tools:
        delta, reason = {"role": "assistant", "content": "Finished."}, "stop"
    else:
        call = {"index": 0, "id": "call_1", "type": "function", "function": {
            "name": "bash", "arguments": json.dumps({"command": COMMAND, "description": "Make a file"})}}
        delta, reason = {"role": "assistant", "tool_calls": [call]}, "tool_calls"
    yield None, {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield None, {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}],
                 "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}


def gemini(body):
    parts = [part for content in body["contents"] for part in content.get("parts", [])]
    done = any("functionResponse" in part for part in parts)
    declared = [f["name"] for tool in body.get("tools", []) for f in tool.get("functionDeclarations", [])]
    if done or "run_shell_command" not in declared:
        part = {"text": "Finished."}
    else:
        part = {"functionCall": {"name": "run_shell_command",
                                 "args": {"command": COMMAND, "description": "Make a file"}}}
    yield None, {"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [part]}}],
                 "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}}


class Handler(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    do_GET = do_HEAD

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        path = self.path.split("?")[0]
        speak = {"/v1/messages": anthropic, "/v1/responses": responses, "/v1/chat/completions": chat}.get(path)
        if path.endswith(":streamGenerateContent"):
            speak = gemini
        if speak is None:
            self.send_response(404)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for kind, data in speak(body):
            if kind is not None:
                self.wfile.write(f"event: {kind}\n".encode())
                data = {"type": kind, **data}
            self.wfile.write(f"data: {json.dumps(data)}\n\n".encode())
        if speak is chat:
            self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
