import { describe, expect, test } from "vitest";
import { Assembler, at, NoKernel, r8, r9, r10, r11, r12, r13, r14, r15, rax, rbp, rbx, rcx, rdi, rdx, rsi, rsp } from "./x64.ts";

// Each instruction form as a disassembler (objdump -M intel) reads its bytes.
const forms: [string, (asm: Assembler) => void, string][] = [
  ["mov rax,rcx", (asm) => asm.mov(rax, rcx), "488bc1"],
  ["mov r9,r15", (asm) => asm.mov(r9, r15), "4d8bcf"],
  ["mov rdx,QWORD PTR [rdi]", (asm) => asm.mov(rdx, at(rdi)), "488b17"],
  ["mov r8,QWORD PTR [rbp+0x0]", (asm) => asm.mov(r8, at(rbp)), "4c8b4500"],
  ["mov r8,QWORD PTR [r13+0x8]", (asm) => asm.mov(r8, at(r13, 8)), "4d8b4508"],
  ["mov rcx,QWORD PTR [rsp+0x10]", (asm) => asm.mov(rcx, at(rsp, 16)), "488b4c2410"],
  ["mov rcx,QWORD PTR [r12-0x80]", (asm) => asm.mov(rcx, at(r12, -128)), "498b4c2480"],
  ["mov rcx,QWORD PTR [rax+0x80]", (asm) => asm.mov(rcx, at(rax, 128)), "488b8880000000"],
  ["mov r10,QWORD PTR [r8+r9*8+0x4]", (asm) => asm.mov(r10, { base: r8, index: r9, scale: 8, disp: 4 }), "4f8b54c804"],
  ["mov rax,QWORD PTR [rdi+rsi*8+0x3e8]", (asm) => asm.mov(rax, { base: rdi, index: rsi, scale: 8, disp: 1000 }), "488b84f7e8030000"],
  ["mov QWORD PTR [rsp-0x40],rax", (asm) => asm.store(at(rsp, -64), rax), "48894424c0"],
  ["mov QWORD PTR [r13+r12*4+0x0],r15", (asm) => asm.store({ base: r13, index: r12, scale: 4 }, r15), "4f897ca500"],
  ["mov eax,0x0", (asm) => asm.movImmediate(rax, 0), "b800000000"],
  ["mov r9d,0x7fffffff", (asm) => asm.movImmediate(r9, 0x7fffffff), "41b9ffffff7f"],
  ["movabs rbx,0xffffffffffffffff", (asm) => asm.movImmediate(rbx, -1), "48bbffffffffffffffff"],
  ["movabs r12,0x123456789abcdef", (asm) => asm.movImmediate(r12, 0x123456789abcdefn), "49bcefcdab8967452301"],
  ["lea rsp,[rsp+0x30]", (asm) => asm.lea(rsp, at(rsp, 48)), "488d642430"],
  ["lea r15,[rbx+0x400]", (asm) => asm.lea(r15, at(rbx, 1024)), "4c8dbb00040000"],
  ["add rax,0x1", (asm) => asm.add(rax, 1), "4883c001"],
  ["add r8,0x7f", (asm) => asm.add(r8, 127), "4983c07f"],
  ["add r13,0x80", (asm) => asm.add(r13, 128), "4981c580000000"],
  ["add rcx,0xfffffffffffff000", (asm) => asm.add(rcx, -4096), "4881c100f0ffff"],
  ["add rcx,r9", (asm) => asm.addRegister(rcx, r9), "4903c9"],
  ["add r15,rax", (asm) => asm.addRegister(r15, rax), "4c03f8"],
  ["sub rsp,0x8", (asm) => asm.sub(rsp, 8), "4883ec08"],
  ["sub rsp,0x1000", (asm) => asm.sub(rsp, 4096), "4881ec00100000"],
  ["cmp rbx,0x5", (asm) => asm.compare(rbx, 5), "4883fb05"],
  ["cmp r14,0x186a0", (asm) => asm.compare(r14, 100000), "4981fea0860100"],
  ["cmp rbx,r15", (asm) => asm.compareRegister(rbx, r15), "493bdf"],
  ["imul rcx,rsi,0x12c00", (asm) => asm.multiply(rcx, rsi, 76800), "4869ce002c0100"],
  ["imul r14,r9,0xffffffffffffffff", (asm) => asm.multiply(r14, r9, -1), "4d69f1ffffffff"],
  ["xor rax,rax", (asm) => asm.xor(rax), "4833c0"],
  ["xor r11,r11", (asm) => asm.xor(r11), "4d33db"],
  ["test rax,rax", (asm) => asm.test(rax), "4885c0"],
  ["test r8,r8", (asm) => asm.test(r8), "4d85c0"],
  ["push rbx", (asm) => asm.push(rbx), "53"],
  ["push r15", (asm) => asm.push(r15), "4157"],
  ["pop rbp", (asm) => asm.pop(rbp), "5d"],
  ["pop r12", (asm) => asm.pop(r12), "415c"],
  ["ret", (asm) => asm.ret(), "c3"],
  ["call rax", (asm) => asm.callRegister(rax), "ffd0"],
  ["call r11", (asm) => asm.callRegister(r11), "41ffd3"],
  ["vmovups zmm0,ZMMWORD PTR [rsi]", (asm) => asm.load(0, at(rsi)), "62f17c481006"],
  ["vmovups zmm31,ZMMWORD PTR [r9+0x40]", (asm) => asm.load(31, at(r9, 64)), "62417c48107901"],
  ["vmovups zmm17,ZMMWORD PTR [r12+0x64]", (asm) => asm.load(17, at(r12, 100)), "62c17c48108c2464000000"],
  [
    "vmovups zmm5{k3}{z},ZMMWORD PTR [rax+r13*1+0x80]",
    (asm) => asm.load(5, { base: rax, index: r13, disp: 128 }, { mask: 3 }),
    "62b17ccb106c2802",
  ],
  ["vmovups xmm9,XMMWORD PTR [rdx+0x10]", (asm) => asm.load(9, at(rdx, 16), { bits: 128 }), "62717c08104a01"],
  ["vmovups ymm9,YMMWORD PTR [rdx+0x20]", (asm) => asm.load(9, at(rdx, 32), { bits: 256 }), "62717c28104a01"],
  ["vmovups xmm3{k2}{z},XMMWORD PTR [rbp+0x0]", (asm) => asm.load(3, at(rbp), { bits: 128, mask: 2 }), "62f17c8a105d00"],
  ["vmovups zmm3,ZMMWORD PTR [rax+0x2000]", (asm) => asm.load(3, at(rax, 8192)), "62f17c48109800200000"],
  ["vmovups zmm6{k4},ZMMWORD PTR [rdi-0x40]", (asm) => asm.loadInto(6, at(rdi, -64), 4), "62f17c4c1077ff"],
  ["vmovups ZMMWORD PTR [rax+0x4],zmm20", (asm) => asm.storeVector(at(rax, 4), 20), "62e17c4811a004000000"],
  ["vmovups XMMWORD PTR [r13+0x0]{k2},xmm1", (asm) => asm.storeVector(at(r13), 1, { mask: 2, bits: 128 }), "62d17c0a114d00"],
  [
    "vmovups ZMMWORD PTR [rax+r8*1+0x40]{k1},zmm30",
    (asm) => asm.storeVector({ base: rax, index: r8, disp: 64 }, 30, { mask: 1 }),
    "62217c4911740001",
  ],
  ["vmovaps zmm1,zmm31", (asm) => asm.moveVector(1, 31), "62917c4828cf"],
  ["vmovaps zmm4{k7}{z},zmm18", (asm) => asm.moveMasked(4, 18, 7), "62b17ccf28e2"],
  ["vmovaps zmm25{k7},zmm9", (asm) => asm.moveInto(25, 9, 7), "62417c4f28c9"],
  ["vbroadcastss zmm7,DWORD PTR [r10+0xc]", (asm) => asm.broadcast(7, at(r10, 12)), "62d27d48187a03"],
  ["vbroadcastss zmm28,DWORD PTR [rax+0x1000]", (asm) => asm.broadcast(28, at(rax, 4096)), "62627d4818a000100000"],
  ["vbroadcastss zmm2,xmm3", (asm) => asm.broadcast(2, 3), "62f27d4818d3"],
  ["vbroadcastss zmm30,xmm29", (asm) => asm.broadcast(30, 29), "62027d4818f5"],
  ["vpxord zmm0,zmm0,zmm0", (asm) => asm.zeroVector(0), "62f17d48efc0"],
  ["vpxord zmm31,zmm31,zmm31", (asm) => asm.zeroVector(31), "62010540efff"],
  ["vfmadd231ps zmm31,zmm0,zmm15", (asm) => asm.fma(31, 0, 15), "62427d48b8ff"],
  ["vfmadd231ps zmm8,zmm16,ZMMWORD PTR [rax+0x40]", (asm) => asm.fma(8, 16, at(rax, 64)), "62727d40b84001"],
  ["vfmadd231ps zmm8,zmm16,DWORD BCST [rax+0x4]", (asm) => asm.fma(8, 16, at(rax, 4), { broadcast: true }), "62727d50b84001"],
  ["vfmadd213ps zmm12,zmm22,zmm3", (asm) => asm.multiplyAdd(12, 22, 3), "62724d40a8e3"],
  ["vfmadd213ps zmm12,zmm22,DWORD BCST [rcx+0x8]", (asm) => asm.multiplyAdd(12, 22, at(rcx, 8), { broadcast: true }), "62724d50a86102"],
  ["vfnmadd231ps zmm19,zmm4,zmm27", (asm) => asm.fnma(19, 4, 27), "62825d48bcdb"],
  ["vfnmadd231ps zmm1,zmm2,ZMMWORD PTR [r9]", (asm) => asm.fnma(1, 2, at(r9)), "62d26d48bc09"],
  ["vaddps zmm1,zmm2,zmm3", (asm) => asm.arithmetic("add", 1, 2, 3), "62f16c4858cb"],
  ["vsubps zmm31,zmm30,zmm29", (asm) => asm.arithmetic("sub", 31, 30, 29), "62010c405cfd"],
  ["vmulps zmm16,zmm8,zmm24", (asm) => asm.arithmetic("mul", 16, 8, 24), "62813c4859c0"],
  ["vdivps zmm5,zmm6,zmm7", (asm) => asm.arithmetic("div", 5, 6, 7), "62f14c485eef"],
  ["vminps zmm20,zmm10,zmm0", (asm) => asm.arithmetic("min", 20, 10, 0), "62e12c485de0"],
  ["vmaxps zmm9,zmm19,zmm29", (asm) => asm.arithmetic("max", 9, 19, 29), "621164405fcd"],
  ["vaddps zmm4{k1},zmm4,zmm5", (asm) => asm.arithmetic("add", 4, 4, 5, { mask: 1 }), "62f15c4958e5"],
  ["vaddps xmm0,xmm0,XMMWORD PTR [rsi+0x10]", (asm) => asm.arithmetic("add", 0, 0, at(rsi, 16), { bits: 128 }), "62f17c08584601"],
  ["vaddps ymm3,ymm3,ymm0", (asm) => asm.arithmetic("add", 3, 3, 0, { bits: 256 }), "62f1642858d8"],
  ["vmulps zmm3{k5}{z},zmm3,zmm2", (asm) => asm.arithmetic("mul", 3, 3, 2, { mask: 5, zero: true }), "62f164cd59da"],
  ["vsqrtps zmm3,zmm17", (asm) => asm.sqrt(3, 17), "62b17c4851d9"],
  ["vrndscaleps zmm2,zmm18,0x8", (asm) => asm.round(2, 18, 0), "62b37d4808d208"],
  ["vrndscaleps zmm2,zmm18,0x9", (asm) => asm.round(2, 18, 1), "62b37d4808d209"],
  ["vgetexpps zmm21,zmm5", (asm) => asm.exponent(21, 5), "62e27d4842ed"],
  ["vgetmantps zmm5,zmm21,0xb", (asm) => asm.significand(5, 21), "62b37d4826ed0b"],
  ["vscalefps zmm1,zmm17,zmm30", (asm) => asm.scale(1, 17, 30), "629275402cce"],
  ["vcmpeqps k7,zmm1,zmm2", (asm) => asm.compareLanes(7, 0, 1, 2), "62f17448c2fa00"],
  ["vcmpgtps k2,zmm30,zmm17", (asm) => asm.compareLanes(2, 14, 30, 17), "62b10c40c2d10e"],
  ["vcmpunordps k7,zmm8,zmm8", (asm) => asm.compareLanes(7, 3, 8, 8), "62d13c48c2f803"],
  ["vinsertf64x4 zmm3,zmm3,YMMWORD PTR [rdx+0x20],0x1", (asm) => asm.insertHalf(3, 3, at(rdx, 32)), "62f3e5481a5a0101"],
  ["vinsertf64x4 zmm20,zmm21,ymm22,0x1", (asm) => asm.insertHalf(20, 21, 22), "62a3d5401ae601"],
  ["vinsertf32x4 zmm1,zmm1,XMMWORD PTR [r8+0x30],0x3", (asm) => asm.insertQuarter(1, 1, at(r8, 48), 3), "62d3754818480303"],
  ["vinsertf32x4 zmm17,zmm18,xmm19,0x1", (asm) => asm.insertQuarter(17, 18, 19, 1), "62a36d4018cb01"],
  ["vextractf64x4 ymm0,zmm31,0x1", (asm) => asm.extractHalf(0, 31), "6263fd481bf801"],
  ["vextractf32x4 xmm0,zmm30,0x1", (asm) => asm.extractQuarter(0, 30, 1), "62637d4819f001"],
  ["vextractf32x4 XMMWORD PTR [rax+0x10],zmm4,0x2", (asm) => asm.extractQuarter(at(rax, 16), 4, 2), "62f37d4819600102"],
  ["vpermt2ps zmm2,zmm30,zmm1", (asm) => asm.permute2(2, 30, 1), "62f20d407fd1"],
  ["vpermt2ps zmm18,zmm31,zmm29", (asm) => asm.permute2(18, 31, 29), "628205407fd5"],
  ["vpermilps xmm1,xmm0,0x4e", (asm) => asm.permuteLanes(1, 0, 78), "62f37d0804c84e"],
  ["vpermilps xmm20,xmm31,0xb1", (asm) => asm.permuteLanes(20, 31, 177), "62837d0804e7b1"],
  ["mov eax,0xffff; kmovw k1,eax", (asm) => asm.setMask(1, 0xffff), "b8ffff0000c5f892c8"],
  ["mov eax,0x1; kmovw k7,eax", (asm) => asm.setMask(7, 1), "b801000000c5f892f8"],
  ["vzeroupper", (asm) => asm.zeroUpper(), "c5f877"],
];

const hex = (asm: Assembler) => Buffer.from(asm.finish()).toString("hex");

describe("machine code", () => {
  test.each(forms)("%s", (_, write, bytes) => {
    const asm = new Assembler();
    write(asm);
    expect(hex(asm)).toBe(bytes);
  });

  test("jumps, calls and data reach their labels in both directions", () => {
    const asm = new Assembler();
    const [back, ahead] = [asm.label(), asm.label()];
    asm.bind(back);
    asm.jump(back); // 0: e9, -5
    asm.jumpIf("less", ahead); // 5: 0f 8c, to 42
    asm.jumpIf("notEqual", back); // 11: 0f 85, -17
    asm.call(ahead); // 17: e8
    asm.leaLabel(r9, ahead); // 22: 4c 8d 0d
    asm.movFromLabel(rax, back); // 29: 48 8b 05, -36
    asm.broadcast(3, ahead); // 36: 62 f2 7d 48 18 1d
    asm.align(8); // 46
    asm.bind(ahead); // 48
    asm.int64(-2n);
    expect(hex(asm)).toBe(
      "e9fbffffff" +
        "0f8c25000000" +
        "0f85efffffff" +
        "e81a000000" +
        "4c8d0d13000000" +
        "488b05dcffffff" +
        "62f27d48181d02000000" +
        "0000" +
        "feffffffffffffff",
    );
  });

  test("a loop counts to its end; one round is straight code", () => {
    const once = new Assembler();
    once.loop(rcx, 1, () => once.ret());
    expect(hex(once)).toBe("4833c9c3");
    const often = new Assembler();
    often.loop(rcx, 10, () => often.ret(), 64);
    expect(hex(often)).toBe("4833c9c34883c1404881f9800200000f8ceeffffff");
  });

  test("a division clears the upper half first; vectors are interleaved and shuffled", () => {
    const asm = new Assembler();
    asm.divide(rcx);
    expect(hex(asm)).toBe("4833d2" + "48f7f1");
    const vectors = new Assembler();
    vectors.interleave("low", 16, 0, 1); // vunpcklps zmm16,zmm0,zmm1
    vectors.interleave("high", 17, 0, 1); // vunpckhps zmm17,zmm0,zmm1
    vectors.interleavePairs("low", 0, 16, 18); // vunpcklpd zmm0,zmm16,zmm18
    vectors.interleavePairs("high", 1, 16, 18); // vunpckhpd zmm1,zmm16,zmm18
    vectors.shuffleQuarters(24, 8, 12, 0xdd); // vshuff32x4 zmm24,zmm8,zmm12,0xdd
    expect(hex(vectors)).toBe("62e17c4814c162e17c4815c962b1fd4014c262b1fd4015ca62433d4823c4dd");
  });

  test("a limit", () => {
    const asm = new Assembler();
    asm.atMost(rax, 5);
    expect(hex(asm)).toBe("4883f805" + "0f8e05000000" + "b805000000");
  });

  test("nothing is cut off in silence", () => {
    const asm = new Assembler();
    expect(() => asm.add(rax, 2 ** 31)).toThrow(NoKernel);
    expect(() => asm.load(0, at(rax, 2 ** 31))).toThrow(NoKernel);
    expect(() => asm.multiply(rax, rcx, -(2 ** 31) - 1)).toThrow(NoKernel);
    asm.jump(asm.label());
    expect(() => asm.finish()).toThrow("never bound");
  });
});
