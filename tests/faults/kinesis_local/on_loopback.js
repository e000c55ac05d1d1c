// kinesis-local binds every interface; here it binds loopback, and ends with the process that holds its stdin.
const { Server } = require("node:net");

const listen = Server.prototype.listen;
Server.prototype.listen = function (first, ...rest) {
  const options = typeof first === "object" ? first : { port: first };
  return listen.call(this, { ...options, host: "127.0.0.1" }, ...rest);
};
process.stdin.on("end", () => process.exit(0)).resume();
require(`${process.cwd()}/main.js`);
