// Imported before tests: what they take for a WebSocket goes over server-sent events.
import { SseSocket } from '../../static/widget/sse-socket.js'

globalThis.WebSocket = SseSocket
