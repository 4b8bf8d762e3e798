// A model server for tests: answers each agent's own protocol with one tool call, then with a word.
//
// It runs on this computer's loopback; a sandbox reaches it by a credential route. The agents are the real programs;
// only the model is played. Each request must carry the key, once, and nothing of the stand-in that the agent has;
// what is wrong is written to standard output. Each answer says the key back, to be masked on the way.
import { createServer } from 'node:http';

const KEY = process.env.MODEL_KEY;
const PLACEHOLDER = 'kept-by-agent-sandbox';
const COMMAND = 'echo made by $0 > made.txt';

function anthropic(body) {
  const done = body.messages.some((m) => Array.isArray(m.content) && m.content.some((p) => p.type === 'tool_result'));
  const tools = (body.tools ?? []).map((tool) => tool.name);
  const plain = done || !tools.includes('Bash');
  const block = plain
    ? { type: 'text', text: '' }
    : { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: {} };
  const delta = plain
    ? { type: 'text_delta', text: 'Finished.' }
    : { type: 'input_json_delta', partial_json: JSON.stringify({ command: COMMAND, description: 'Make a file' }) };
  const message = {
    id: 'msg_1', type: 'message', role: 'assistant', model: body.model ?? 'm', content: [], stop_reason: null,
    stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 },
  };
  return [
    ['message_start', { message }],
    ['content_block_start', { index: 0, content_block: block }],
    ['content_block_delta', { index: 0, delta }],
    ['content_block_stop', { index: 0 }],
    ['message_delta', {
      delta: { stop_reason: plain ? 'end_turn' : 'tool_use', stop_sequence: null }, usage: { output_tokens: 2 },
    }],
    ['message_stop', {}],
  ];
}

function responses(body) {
  const done = body.input.some((item) => ['function_call_output', 'custom_tool_call_output'].includes(item.type));
  const item = done
    ? {
        type: 'message', id: 'msg_1', role: 'assistant', status: 'completed',
        content: [{ type: 'output_text', text: 'Finished.', annotations: [] }],
      }
    : {
        type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'exec_command', status: 'completed',
        arguments: JSON.stringify({ cmd: COMMAND }),
      };
  const usage = {
    input_tokens: 1, output_tokens: 1, total_tokens: 2, input_tokens_details: { cached_tokens: 0 },
    output_tokens_details: { reasoning_tokens: 0 },
  };
  const response = { id: 'resp_1', object: 'response', status: 'in_progress', output: [] };
  return [
    ['response.created', { response }],
    ['response.output_item.added', { output_index: 0, item }],
    ['response.output_item.done', { output_index: 0, item }],
    ['response.completed', { response: { ...response, status: 'completed', output: [item], usage } }],
  ];
}

function chat(body, agent) {
  const done = body.messages.some((message) => message.role === 'tool');
  const tools = (body.tools ?? []).map((tool) => tool.function.name);
  const base = { id: 'c1', object: 'chat.completion.chunk', created: 1, model: body.model ?? 'm' };
  let delta = { role: 'assistant', content: 'Finished.' };
  let reason = 'stop';
  if (!done && tools.includes('bash')) {
    const call = {
      index: 0, id: 'call_1', type: 'function',
      function: { name: 'bash', arguments: JSON.stringify({ command: COMMAND, description: 'Make a file' }) },
    };
    delta = { role: 'assistant', tool_calls: [call] };
    reason = 'tool_calls';
  } else if (agent.startsWith('OpenAI/Python')) {
    // Aider has no tools: whole files stand in what the model says.
    delta.content = 'Finished.\n\nmade.txt\n```\nmade by aider\n```\n';
  }
  return [
    [null, { ...base, choices: [{ index: 0, delta, finish_reason: null }] }],
    [null, {
      ...base, choices: [{ index: 0, delta: {}, finish_reason: reason }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    }],
  ];
}

function gemini(body) {
  const parts = body.contents.flatMap((content) => content.parts ?? []);
  const done = parts.some((part) => 'functionResponse' in part);
  const declared = (body.tools ?? []).flatMap((tool) => (tool.functionDeclarations ?? []).map((f) => f.name));
  const part =
    done || !declared.includes('run_shell_command')
      ? { text: 'Finished.' }
      : { functionCall: { name: 'run_shell_command', args: { command: COMMAND, description: 'Make a file' } } };
  return [
    [null, {
      candidates: [{ index: 0, finishReason: 'STOP', content: { role: 'model', parts: [part] } }],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
    }],
  ];
}

/** Asked aside, for instance which model fits: whatever it wants to know, in one answer. */
const ASIDE = JSON.stringify({
  candidates: [{
    index: 0, finishReason: 'STOP',
    content: {
      role: 'model',
      parts: [{ text: JSON.stringify({ reasoning: '', model_choice: 'flash', complexity_reasoning: '', complexity_score: 1 }) }],
    },
  }],
  usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
});

/** What is wrong with how a request proves whose it is. */
function wrong({ method, url, headers }, body) {
  const credentials = [headers.authorization, headers['x-api-key'], headers['x-goog-api-key']].filter(Boolean);
  if (credentials.length !== 1) return `${credentials.length} credentials`;
  if (credentials[0].replace('Bearer ', '') !== KEY) return 'another key';
  if (`${url} ${JSON.stringify(headers)} ${body}`.includes(PLACEHOLDER)) return 'the stand-in';
  if (headers['accept-encoding'] !== 'identity') return 'an answer that could be packed';
  return headers.cookie || method === 'TRACE' ? 'a cookie' : null;
}

function speaker(path) {
  if (path.endsWith(':streamGenerateContent')) return gemini;
  return { '/v1/messages': anthropic, '/v1/responses': responses, '/v1/chat/completions': chat }[path];
}

const server = createServer(async (request, response) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  const text = Buffer.concat(pieces).toString();
  const path = request.url.split('?')[0];
  const fault = wrong(request, text);
  console.log(`${fault ?? 'right'} ${request.method} ${path}`);
  if (!fault && path.endsWith(':generateContent')) {
    response.writeHead(200, { 'content-type': 'application/json', 'x-echo': KEY }).end(ASIDE);
    return;
  }
  const speak = request.method === 'POST' ? speaker(path) : undefined;
  if (fault || !speak) {
    response.writeHead(fault ? 401 : 404, { 'x-echo': KEY }).end(`no: ${KEY}`);
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'x-echo': KEY });
  // In two pieces; Gemini CLI takes no comments in a stream.
  if (speak !== gemini) {
    response.write(`: ${KEY.slice(0, 9)}`);
    response.write(`${KEY.slice(9)}\n\n`);
  }
  for (const [kind, data] of speak(JSON.parse(text || '{}'), request.headers['user-agent'] ?? '')) {
    if (kind) response.write(`event: ${kind}\n`);
    response.write(`data: ${JSON.stringify(kind ? { type: kind, ...data } : data)}\n\n`);
  }
  response.end(speak === chat ? 'data: [DONE]\n\n' : undefined);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
